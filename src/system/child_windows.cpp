// The program and all it starts are in a job that the system ends when its last handle closes: when
// this program ends, however it ends. No guard is needed.
#include "error_text_windows.hpp"
#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/child.hpp"
#include "odysseus/system/files.hpp"
#include "windows_command_line.hpp"

#include "handle_windows.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <windows.h>

namespace odysseus::system {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t k_output_bytes_max = std::size_t{256} * 1024;
constexpr UINT k_killed = 1;
constexpr DWORD k_end_wait_ms = 2000;
// Messages of the job's completion port carry this key; ours, which ask it to look up, the other.
constexpr ULONG_PTR k_key_job = 1;
constexpr ULONG_PTR k_key_ours = 2;

[[noreturn]] void fail(const ChildSpec& spec, const char* doing) {
    const auto reason = windows_error_text(::GetLastError());
    throw Error(Fault::server, concat("starting ", utf8(spec.executable), ": ", doing, reason));
}

struct Pipe {
    Handle read;
    Handle write; // the one that the child inherits
    explicit Pipe(const ChildSpec& spec) {
        SECURITY_ATTRIBUTES inherit{sizeof(SECURITY_ATTRIBUTES), nullptr, TRUE};
        if (!::CreatePipe(read.place(), write.place(), &inherit, 0)) fail(spec, "a pipe: ");
        ::SetHandleInformation(read.get(), HANDLE_FLAG_INHERIT, 0);
    }
};

// NAME=VALUE entries, each ended by 0, then another 0.
std::wstring environment_block(const std::vector<std::string>& entries) {
    std::wstring block;
    for (const auto& entry : entries) {
        block += wide(entry);
        block += L'\0';
    }
    block += L'\0';
    return block;
}

} // namespace

struct Guard::Native {};
Guard::Guard(std::filesystem::path) {}
Guard::~Guard() = default;

struct Child::Native {
    Handle job;
    Handle port; // the job's news, and ours
    Handle process;
    DWORD pid = 0;
    Handle out;
    Handle err;

    std::mutex mutex;
    std::condition_variable changed;
    std::string out_bytes;                    // by mutex
    std::string err_bytes;                    // by mutex
    int readers = 2;                          // by mutex: streams that are still open
    std::deque<ChildEvent> events;            // by mutex
    bool gone_told = false;                   // by mutex
    std::optional<Clock::time_point> kill_at; // by mutex

    std::thread out_reader;
    std::thread err_reader;
    std::thread watcher;

    void read_stream(HANDLE from, std::string& into);
    void watch();
    [[nodiscard]] DWORD patience();
    void start(const ChildSpec& spec);
    void end_threads(); // when the processes have ended
};

void Child::Native::read_stream(HANDLE from, std::string& into) {
    char bytes[16 * 1024];
    DWORD count = 0;
    while (::ReadFile(from, bytes, sizeof bytes, &count, nullptr) && count > 0) {
        std::unique_lock lock(mutex);
        into.append(bytes, count);
        changed.notify_all();
        // Who writes faster than we read has to wait.
        changed.wait(lock, [&] { return into.size() < k_output_bytes_max || gone_told; });
    }
    const std::lock_guard lock(mutex);
    --readers;
    changed.notify_all();
}

DWORD Child::Native::patience() {
    const std::lock_guard lock(mutex);
    if (!kill_at) return INFINITE;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(*kill_at - Clock::now()).count();
    return left > 0 ? static_cast<DWORD>(left) + 1 : 0;
}

// Until the job has no process any more.
void Child::Native::watch() {
    bool ended = false;
    for (bool empty = false; !empty;) {
        DWORD message = 0;
        ULONG_PTR key = 0;
        LPOVERLAPPED value = nullptr;
        const BOOL got =
            ::GetQueuedCompletionStatus(port.get(), &message, &key, &value, patience());
        if (got && key == k_key_job && message == JOB_OBJECT_MSG_ACTIVE_PROCESS_ZERO) empty = true;
        // The job's news can come before the process tells its end.
        const DWORD wait_ms = empty ? k_end_wait_ms : 0;
        if (!ended && ::WaitForSingleObject(process.get(), wait_ms) == WAIT_OBJECT_0) {
            ended = true;
            DWORD code = 0;
            ::GetExitCodeProcess(process.get(), &code);
            const std::lock_guard lock(mutex);
            events.emplace_back(ChildExited{{static_cast<int>(code), 0}});
            changed.notify_all();
            // A model's process without its router is of no use to anyone.
            if (!kill_at) kill_at = Clock::now();
        }
        if (!empty && patience() == 0) ::TerminateJobObject(job.get(), k_killed);
    }
    const std::lock_guard lock(mutex);
    if (!ended) events.emplace_back(ChildExited{{static_cast<int>(k_killed), 0}});
    events.emplace_back(ChildGone{});
    changed.notify_all();
}

void Child::Native::start(const ChildSpec& spec) {
    *job.place() = ::CreateJobObjectW(nullptr, nullptr);
    *port.place() = ::CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 1);
    if (job.get() == nullptr || port.get() == nullptr) fail(spec, "a job: ");
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    JOBOBJECT_ASSOCIATE_COMPLETION_PORT news{reinterpret_cast<PVOID>(k_key_job), port.get()};
    if (!::SetInformationJobObject(job.get(), JobObjectExtendedLimitInformation, &limits,
                                   sizeof limits) ||
        !::SetInformationJobObject(job.get(), JobObjectAssociateCompletionPortInformation, &news,
                                   sizeof news)) {
        fail(spec, "a job: ");
    }

    Pipe out_pipe(spec);
    Pipe err_pipe(spec);
    SECURITY_ATTRIBUTES inherit{sizeof(SECURITY_ATTRIBUTES), nullptr, TRUE};
    const Handle nothing(::CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE,
                                       &inherit, OPEN_EXISTING, 0, nullptr));

    // Only these three are inherited, whatever else is open and inheritable.
    HANDLE streams[] = {nothing.get(), out_pipe.write.get(), err_pipe.write.get()};
    SIZE_T size = 0;
    ::InitializeProcThreadAttributeList(nullptr, 1, 0, &size);
    std::vector<char> storage(size);
    STARTUPINFOEXW startup{};
    startup.StartupInfo.cb = sizeof startup;
    startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    startup.StartupInfo.hStdInput = streams[0];
    startup.StartupInfo.hStdOutput = streams[1];
    startup.StartupInfo.hStdError = streams[2];
    startup.lpAttributeList = reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(storage.data());
    ::InitializeProcThreadAttributeList(startup.lpAttributeList, 1, 0, &size);
    ::UpdateProcThreadAttribute(startup.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST,
                                streams, sizeof streams, nullptr, nullptr);

    std::vector<std::string> argv = {utf8(spec.executable)};
    argv.insert(argv.end(), spec.arguments.begin(), spec.arguments.end());
    auto command = wide(windows_command_line(argv));
    auto environment = environment_block(spec.environment);
    const auto directory = spec.directory.native();
    // Suspended until it is in the job, so that nothing it starts can be outside. A group of its
    // own, so that a Ctrl-C is ours alone and a Ctrl-Break can be sent to it.
    constexpr DWORD k_flags = CREATE_SUSPENDED | CREATE_NEW_PROCESS_GROUP |
                              CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT;
    PROCESS_INFORMATION started{};
    const BOOL made =
        ::CreateProcessW(spec.executable.c_str(), command.data(), nullptr, nullptr, TRUE, k_flags,
                         environment.data(), directory.empty() ? nullptr : directory.c_str(),
                         &startup.StartupInfo, &started);
    const DWORD trouble = ::GetLastError();
    ::DeleteProcThreadAttributeList(startup.lpAttributeList);
    ::SetLastError(trouble);
    if (!made) fail(spec, "");
    *process.place() = started.hProcess;
    const Handle thread(started.hThread);
    pid = started.dwProcessId;
    if (!::AssignProcessToJobObject(job.get(), process.get())) {
        const DWORD reason = ::GetLastError();
        ::TerminateProcess(process.get(), k_killed);
        ::SetLastError(reason);
        fail(spec, "its job: ");
    }
    ::ResumeThread(thread.get());
    std::swap(*out.place(), *out_pipe.read.place());
    std::swap(*err.place(), *err_pipe.read.place());
}

Child::Child(const ChildSpec& spec, Guard&) : m_native(std::make_unique<Native>()) {
    auto& native = *m_native;
    native.start(spec);
    try {
        native.out_reader =
            std::thread([&] { native.read_stream(native.out.get(), native.out_bytes); });
        native.err_reader =
            std::thread([&] { native.read_stream(native.err.get(), native.err_bytes); });
        native.watcher = std::thread([&] { native.watch(); });
    } catch (const std::system_error& error) { // no thread was to be had
        ::TerminateJobObject(native.job.get(), k_killed);
        native.end_threads();
        throw Error(Fault::server,
                    concat("starting ", utf8(spec.executable), ": a thread: ", error.what()));
    }
}

void Child::Native::end_threads() {
    if (watcher.joinable()) watcher.join();
    {
        const std::lock_guard lock(mutex);
        gone_told = true;
        changed.notify_all();
    }
    for (auto* reader : {&out_reader, &err_reader}) {
        if (reader->joinable()) reader->join();
    }
}

Child::~Child() {
    stop(std::chrono::milliseconds(0));
    m_native->end_threads();
}

std::int64_t Child::pid() const {
    return m_native->pid;
}

ChildEvent Child::next(std::chrono::milliseconds limit) {
    auto& native = *m_native;
    std::unique_lock lock(native.mutex);
    if (native.gone_told) return ChildGone{};
    const auto has_bytes = [&] { return !native.out_bytes.empty() || !native.err_bytes.empty(); };
    // What was written comes before the news of the end: the streams end when the processes have.
    const auto may_tell = [&] { return !native.events.empty() && native.readers == 0; };
    native.changed.wait_for(lock, limit, [&] { return has_bytes() || may_tell(); });
    if (has_bytes()) {
        ChildOutput output;
        output.out.swap(native.out_bytes);
        output.err.swap(native.err_bytes);
        native.changed.notify_all();
        return output;
    }
    if (!may_tell()) return ChildQuiet{};
    auto event = std::move(native.events.front());
    native.events.pop_front();
    if (std::holds_alternative<ChildGone>(event)) {
        native.gone_told = true;
        native.changed.notify_all();
    }
    return event;
}

void Child::stop(std::chrono::milliseconds grace) {
    auto& native = *m_native;
    // llama-server's own handler ends it in order (Ctrl-C cannot be sent to one group). Without a
    // console it cannot be asked, and waiting would be in vain.
    if (!::GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, native.pid)) grace = {};
    {
        const std::lock_guard lock(native.mutex);
        const auto kill_at = Clock::now() + grace;
        if (!native.kill_at || kill_at < *native.kill_at) native.kill_at = kill_at;
    }
    ::PostQueuedCompletionStatus(native.port.get(), 0, k_key_ours, nullptr);
}

std::string exit_text(const ExitStatus& status) {
    return concat("exit code ", status.code);
}

} // namespace odysseus::system
