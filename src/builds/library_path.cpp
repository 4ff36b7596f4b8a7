#include "odysseus/builds/library_path.hpp"

#include "odysseus/base/text.hpp"

namespace odysseus::builds {

std::string_view library_path_name(hardware::Os os) {
    switch (os) {
    case hardware::Os::linux: return "LD_LIBRARY_PATH";
    case hardware::Os::macos: return "DYLD_LIBRARY_PATH";
    case hardware::Os::windows: return "PATH";
    }
    return "LD_LIBRARY_PATH";
}

std::pair<std::string, std::string>
library_path(hardware::Os os, const std::vector<std::string>& folders, std::string_view present) {
    auto value = joined(folders, os == hardware::Os::windows ? ";" : ":");
    if (!present.empty()) value += concat(os == hardware::Os::windows ? ";" : ":", present);
    return {std::string(library_path_name(os)), value};
}

} // namespace odysseus::builds
