#include "odysseus/system/run_tool.hpp"

#include "error_text_windows.hpp"
#include "windows_command_line.hpp"

#include "handle_windows.hpp"

#include <algorithm>
#include <cwctype>
#include <map>
#include <system_error>
#include <thread>
#include <windows.h>

namespace odysseus::system {
namespace {

struct Pipe {
    Handle read;
    Handle write;
    Pipe() {
        SECURITY_ATTRIBUTES inherit{sizeof(SECURITY_ATTRIBUTES), nullptr, TRUE};
        if (::CreatePipe(read.place(), write.place(), &inherit, 0)) {
            ::SetHandleInformation(read.get(), HANDLE_FLAG_INHERIT, 0);
        }
    }
};

struct IgnoreCase {
    bool operator()(const std::wstring& a, const std::wstring& b) const {
        return std::lexicographical_compare(
            a.begin(), a.end(), b.begin(), b.end(),
            [](wchar_t x, wchar_t y) { return std::towupper(x) < std::towupper(y); });
    }
};

// The block that CreateProcess takes: NAME=VALUE entries, each ended by 0, sorted, then another 0.
std::wstring environment_with(const EnvAdditions& additions) {
    std::map<std::wstring, std::wstring, IgnoreCase> entries;
    wchar_t* const own = ::GetEnvironmentStringsW();
    for (const wchar_t* entry = own; entry != nullptr && *entry != 0;) {
        const std::wstring text = entry;
        const auto equals = text.find(L'=', 1); // "=C:=C:\\..." entries begin with one
        if (equals != std::wstring::npos) entries[text.substr(0, equals)] = text.substr(equals + 1);
        entry += text.size() + 1;
    }
    if (own != nullptr) ::FreeEnvironmentStringsW(own);
    for (const auto& [name, value] : additions)
        entries[wide(name)] = wide(value);
    std::wstring block;
    for (const auto& [name, value] : entries) {
        block += name + L'=' + value;
        block += L'\0';
    }
    block += L'\0';
    return block;
}

void read_all(HANDLE from, std::string& into, std::size_t bytes_max, bool& truncated) {
    char buffer[16384];
    DWORD count = 0;
    while (::ReadFile(from, buffer, sizeof buffer, &count, nullptr) && count > 0) {
        const auto room = bytes_max - into.size();
        if (count > room) truncated = true;
        into.append(buffer, std::min<std::size_t>(count, room));
    }
}

// Dies with everything that was started in it.
bool make_job(Handle& job) {
    *job.place() = ::CreateJobObjectW(nullptr, nullptr);
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    return job.is_open() && ::SetInformationJobObject(job.get(), JobObjectExtendedLimitInformation,
                                                      &limits, sizeof limits);
}

ToolResult not_started(DWORD error) {
    ToolResult result;
    const bool missing = error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND;
    result.end = missing ? ToolResult::End::not_found : ToolResult::End::not_started;
    result.problem = windows_error_text(error);
    return result;
}

// Starts suspended, so that it is in the job before its first instruction. Only the three handles
// of the list are inherited.
bool start(const std::vector<std::string>& argv, const EnvAdditions& additions, HANDLE input,
           HANDLE out, HANDLE err, PROCESS_INFORMATION& process) {
    HANDLE inherited[] = {input, out, err};
    SIZE_T size = 0;
    ::InitializeProcThreadAttributeList(nullptr, 1, 0, &size);
    std::vector<char> storage(size);
    auto* const attributes = reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(storage.data());
    if (!::InitializeProcThreadAttributeList(attributes, 1, 0, &size)) return false;
    STARTUPINFOEXW startup{};
    startup.StartupInfo.cb = sizeof startup;
    startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    startup.StartupInfo.hStdInput = input;
    startup.StartupInfo.hStdOutput = out;
    startup.StartupInfo.hStdError = err;
    startup.lpAttributeList = attributes;
    bool started = ::UpdateProcThreadAttribute(attributes, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST,
                                               inherited, sizeof inherited, nullptr, nullptr) != 0;
    auto line = wide(windows_command_line(argv));
    auto environment = environment_with(additions);
    constexpr DWORD k_flags = CREATE_SUSPENDED | CREATE_NO_WINDOW | CREATE_UNICODE_ENVIRONMENT |
                              EXTENDED_STARTUPINFO_PRESENT;
    started = started &&
              ::CreateProcessW(nullptr, line.data(), nullptr, nullptr, TRUE, k_flags,
                               environment.data(), nullptr, &startup.StartupInfo, &process) != 0;
    const DWORD error = ::GetLastError();
    ::DeleteProcThreadAttributeList(attributes);
    ::SetLastError(error);
    return started;
}

} // namespace

ToolResult run_tool(const std::vector<std::string>& argv, const EnvAdditions& env_additions,
                    const ToolLimits& limits) {
    if (argv.empty() || argv[0].empty()) return not_started(ERROR_FILE_NOT_FOUND);
    Pipe out;
    Pipe err;
    Handle job;
    SECURITY_ATTRIBUTES inherit{sizeof(SECURITY_ATTRIBUTES), nullptr, TRUE};
    const Handle input(::CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE,
                                     &inherit, OPEN_EXISTING, 0, nullptr));
    if (!out.read.is_open() || !err.read.is_open() || !input.is_open() || !make_job(job)) {
        return not_started(::GetLastError());
    }
    PROCESS_INFORMATION info{};
    if (!start(argv, env_additions, input.get(), out.write.get(), err.write.get(), info)) {
        return not_started(::GetLastError());
    }
    const Handle process(info.hProcess);
    const Handle main_thread(info.hThread);
    out.write.close();
    err.write.close();
    ::AssignProcessToJobObject(job.get(), process.get());
    ::ResumeThread(main_thread.get());

    ToolResult result;
    bool cut_out = false;
    bool cut_err = false;
    std::thread out_reader;
    std::thread err_reader;
    try {
        out_reader = std::thread(
            [&] { read_all(out.read.get(), result.out, limits.output_bytes_max, cut_out); });
        err_reader = std::thread(
            [&] { read_all(err.read.get(), result.err, limits.output_bytes_max, cut_err); });
    } catch (const std::system_error& error) { // no thread was to be had
        ::TerminateJobObject(job.get(), 1);
        if (out_reader.joinable()) out_reader.join();
        result.end = ToolResult::End::not_started;
        result.problem = error.what();
        return result;
    }
    const auto waited =
        ::WaitForSingleObject(process.get(), static_cast<DWORD>(limits.deadline.count()));
    DWORD code = 0;
    if (waited != WAIT_OBJECT_0) {
        result.end = ToolResult::End::timed_out;
    } else {
        result.end = ToolResult::End::exited;
        if (::GetExitCodeProcess(process.get(), &code)) result.status = static_cast<int>(code);
    }
    ::TerminateJobObject(job.get(), 1); // grandchildren, too: they may hold the pipes open
    out_reader.join();
    err_reader.join();
    result.truncated = cut_out || cut_err;
    return result;
}

} // namespace odysseus::system
