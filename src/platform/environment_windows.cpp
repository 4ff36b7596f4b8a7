#include "odysseus/platform/environment.hpp"

#include "odysseus/platform/files.hpp"

#include <filesystem>
#include <windows.h>

namespace odysseus::platform {

std::vector<std::string> own_environment() {
    std::vector<std::string> entries;
    wchar_t* block = GetEnvironmentStringsW();
    for (const wchar_t* entry = block; entry != nullptr && *entry != L'\0';
         entry += wcslen(entry) + 1) {
        if (*entry != L'=')
            entries.push_back(
                utf8(std::filesystem::path(entry))); // "=C:=C:\..." are the shell's own
    }
    if (block != nullptr) FreeEnvironmentStringsW(block);
    return entries;
}

} // namespace odysseus::platform
