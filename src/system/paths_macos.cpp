#include "odysseus/system/paths.hpp"

#include "odysseus/base/error.hpp"

#include <cstdint>
#include <mach-o/dyld.h>
#include <string>

namespace odysseus::system {

std::filesystem::path own_executable() {
    std::uint32_t size = 0;
    _NSGetExecutablePath(nullptr, &size);
    std::string path(size, '\0');
    if (_NSGetExecutablePath(path.data(), &size) != 0) {
        throw Error(Fault::bug, "the system does not tell where this program is");
    }
    path.resize(path.find('\0'));
    return std::filesystem::canonical(path);
}

char path_list_separator() {
    return ':';
}

} // namespace odysseus::system
