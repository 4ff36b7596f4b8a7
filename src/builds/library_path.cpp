#include "odysseus/builds/library_path.hpp"

#include "odysseus/base/text.hpp"

namespace odysseus {

std::string_view library_path_name(Os os) {
    switch (os) {
    case Os::linux: return "LD_LIBRARY_PATH";
    case Os::macos: return "DYLD_LIBRARY_PATH";
    case Os::windows: return "PATH";
    }
    return "LD_LIBRARY_PATH";
}

std::pair<std::string, std::string>
library_path(Os os, const std::vector<std::string>& folders, std::string_view present) {
    auto value = joined(folders, os == Os::windows ? ";" : ":");
    if (!present.empty()) value += cat(os == Os::windows ? ";" : ":", present);
    return {std::string(library_path_name(os)), value};
}

} // namespace odysseus
