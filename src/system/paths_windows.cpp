#include "odysseus/system/paths.hpp"

#include "odysseus/base/error.hpp"

#include <string>
#include <windows.h>

namespace odysseus::system {

std::filesystem::path own_executable() {
    std::wstring path(32768, L'\0'); // the longest path that Windows knows
    const auto length = GetModuleFileNameW(nullptr, path.data(), static_cast<DWORD>(path.size()));
    if (length == 0 || length == path.size()) {
        throw Error(Fault::bug, "the system does not tell where this program is");
    }
    path.resize(length);
    return path;
}

char path_list_separator() {
    return ';';
}

} // namespace odysseus::system
