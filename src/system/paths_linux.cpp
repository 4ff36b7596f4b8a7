#include "odysseus/system/paths.hpp"

#include "odysseus/base/error.hpp"

namespace odysseus::system {

std::filesystem::path own_executable() {
    std::error_code error;
    auto path = std::filesystem::read_symlink("/proc/self/exe", error);
    if (error) throw Error(Fault::bug, "reading /proc/self/exe: " + error.message());
    return path;
}

char path_list_separator() {
    return ':';
}

} // namespace odysseus::system
