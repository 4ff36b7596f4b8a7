#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/process_info.hpp"

#include "handle_windows.hpp"

#include <windows.h>

namespace odysseus::system {
namespace {

std::uint64_t number(const FILETIME& time) {
    return (static_cast<std::uint64_t>(time.dwHighDateTime) << 32) | time.dwLowDateTime;
}

} // namespace

std::int64_t own_pid() {
    return ::GetCurrentProcessId();
}

std::optional<ProcessIdentity> process_identity(std::int64_t pid) {
    const Handle process(
        ::OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, static_cast<DWORD>(pid)));
    if (!process.is_open()) return std::nullopt;
    DWORD code = 0;
    if (!::GetExitCodeProcess(process.get(), &code) || code != STILL_ACTIVE) return std::nullopt;
    FILETIME created{};
    FILETIME unused{};
    if (!::GetProcessTimes(process.get(), &created, &unused, &unused, &unused)) {
        return std::nullopt;
    }
    wchar_t path[32768];
    DWORD length = 32768;
    if (!::QueryFullProcessImageNameW(process.get(), 0, path, &length)) return std::nullopt;
    return ProcessIdentity{pid, concat(number(created)),
                           utf8(std::filesystem::path(std::wstring(path, length)))};
}

std::vector<std::int64_t> group_members(std::int64_t group) {
    if (process_identity(group)) return {group};
    return {};
}

std::optional<std::int64_t> group_cpu_ms(std::int64_t) {
    return std::nullopt; // the model's process is not in reach by the router's number
}

std::optional<std::int64_t> address_space_limit(std::int64_t) {
    return std::nullopt;
}

std::optional<std::int64_t> memory_ceiling(const std::filesystem::path& /*root*/) {
    MEMORYSTATUSEX status{};
    status.dwLength = sizeof status;
    if (!::GlobalMemoryStatusEx(&status)) return std::nullopt;
    return static_cast<std::int64_t>(status.ullTotalPageFile);
}

std::optional<std::int64_t> memory_free() {
    MEMORYSTATUSEX status{};
    status.dwLength = sizeof status;
    if (!::GlobalMemoryStatusEx(&status)) return std::nullopt;
    return static_cast<std::int64_t>(status.ullAvailPhys);
}

std::optional<std::int64_t> memory_kills(const std::filesystem::path& /*root*/) {
    return std::nullopt;
}

void kill_process(std::int64_t pid) {
    const Handle process(::OpenProcess(PROCESS_TERMINATE, FALSE, static_cast<DWORD>(pid)));
    if (process.get() != nullptr) ::TerminateProcess(process.get(), 99);
}

} // namespace odysseus::system
