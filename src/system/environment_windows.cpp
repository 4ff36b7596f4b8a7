#include "odysseus/system/environment.hpp"

#include "handle_windows.hpp"

#include <shellapi.h>

namespace odysseus::system {

std::vector<std::string> own_environment() {
    std::vector<std::string> entries;
    wchar_t* block = GetEnvironmentStringsW();
    for (const wchar_t* entry = block; entry != nullptr && *entry != L'\0';
         entry += wcslen(entry) + 1) {
        if (*entry != L'=') entries.push_back(narrow(entry)); // "=C:=C:\..." are the shell's own
    }
    if (block != nullptr) FreeEnvironmentStringsW(block);
    return entries;
}

std::optional<std::string> environment_value(const char* name) {
    std::wstring value(32768, L'\0'); // the longest that Windows allows
    const auto length =
        GetEnvironmentVariableW(wide(name).c_str(), value.data(), static_cast<DWORD>(value.size()));
    if (length == 0 || length >= value.size()) return std::nullopt;
    return narrow(value.c_str());
}

std::vector<std::string> own_arguments(int argc, const char* const* argv) {
    int count = 0;
    wchar_t** words = CommandLineToArgvW(GetCommandLineW(), &count);
    if (words == nullptr) return {argv, argv + argc};
    std::vector<std::string> arguments;
    for (int i = 0; i < count; ++i)
        arguments.push_back(narrow(words[i]));
    LocalFree(words);
    return arguments;
}

} // namespace odysseus::system
