#include "odysseus/system/child.hpp"

#include "group.hpp"
#include "guard_protocol.hpp"
#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/guard.hpp"
#include "posix_fd.hpp"

#include <csignal>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>

extern char** environ; // NOLINT: POSIX names it so

namespace odysseus::system {
namespace {

using namespace guard_protocol;
using Clock = std::chrono::steady_clock;

// One event carries at most this much of each stream.
constexpr std::size_t k_output_bytes_max = std::size_t{256} * 1024;
// A group whose guard was killed gets KILL; only a process stuck in the kernel takes longer.
constexpr std::chrono::milliseconds k_lost_guard_limit{5000};
constexpr std::chrono::milliseconds k_look_again{2};

[[noreturn]] void fail(const std::filesystem::path& program, const char* doing, int reason) {
    throw Error(Fault::server, concat("starting ", utf8(program), ": ", doing,
                                      std::generic_category().message(reason)));
}

// Descriptors above the low ones that the guard's own streams are put on.
Fd lifted(Fd fd) {
    const int high = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 10);
    if (high < 0) throw std::system_error(errno, std::generic_category(), "fcntl");
    return Fd(high);
}

struct ChannelPair {
    Fd ours;
    Fd theirs;
};

ChannelPair make_channel() {
    int ends[2] = {-1, -1};
    int type = SOCK_STREAM;
#ifdef SOCK_CLOEXEC
    type |= SOCK_CLOEXEC;
#endif
    if (::socketpair(AF_UNIX, type, 0, ends) != 0) {
        throw std::system_error(errno, std::generic_category(), "socketpair");
    }
    set_close_on_exec(ends[0]);
    set_close_on_exec(ends[1]);
    return {Fd(ends[0]), lifted(Fd(ends[1]))};
}

// False: it will never be sent.
bool send_all(int fd, const void* data, std::size_t bytes) {
    const auto* at = static_cast<const char*>(data);
    int tries_left = 100; // of a second in all: a system without memory for a moment
    while (bytes > 0) {
#ifdef MSG_NOSIGNAL
        const auto sent = ::send(fd, at, bytes, MSG_NOSIGNAL);
#else
        const auto sent = ::send(fd, at, bytes, 0);
#endif
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && (errno == ENOBUFS || errno == ENOMEM) && tries_left-- > 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
            continue;
        }
        if (sent <= 0) return false;
        at += sent;
        bytes -= static_cast<std::size_t>(sent);
    }
    return true;
}

// False: end of file, which is the death of the guard.
bool receive(int fd, Report& report) {
    auto* at = reinterpret_cast<char*>(&report);
    std::size_t bytes = sizeof report;
    while (bytes > 0) {
        const auto got = ::recv(fd, at, bytes, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += got;
        bytes -= static_cast<std::size_t>(got);
    }
    return true;
}

std::string spec_text(const ChildSpec& spec) {
    std::string text = spec.executable.native() + '\0' + spec.directory.native() + '\0';
    text += std::to_string(spec.arguments.size()) + '\0';
    for (const auto& argument : spec.arguments)
        text += argument + '\0';
    for (const auto& entry : spec.environment)
        text += entry + '\0';
    return text;
}

// The guard, with `out` and `err` as its streams and `channel` beside them.
pid_t spawn_guard(const std::filesystem::path& program, int out, int err, int channel) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, out, 1);
    ::posix_spawn_file_actions_adddup2(&actions, err, 2);
    ::posix_spawn_file_actions_adddup2(&actions, channel, k_channel);

    sigset_t none;
    sigemptyset(&none);
    sigset_t usual;
    sigemptyset(&usual);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT, SIGCHLD}) {
        sigaddset(&usual, signal);
    }
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &usual);
    ::posix_spawnattr_setpgroup(&attributes, 0); // a Ctrl-C at the terminal is not for it
    int flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
#ifdef POSIX_SPAWN_CLOEXEC_DEFAULT
    flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
#endif
    ::posix_spawnattr_setflags(&attributes, static_cast<short>(flags));

    std::string name = "llama-guard";
    std::string role = k_guard_role;
    char* argv[] = {name.data(), role.data(), nullptr};
    // Our environment, not the program's: an LD_LIBRARY_PATH that serves the one can break the
    // other.
    pid_t pid = 0;
    const int result = ::posix_spawn(&pid, program.c_str(), &actions, &attributes, argv, environ);
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    if (result != 0) fail(program, "the guard process: ", result);
    return pid;
}

} // namespace

struct Guard::Native {
    std::filesystem::path program;
    Fd out; // what its children write
    Fd err;
    Fd channel;
    pid_t pid = 0;
    std::mutex sending; // `channel` is sent to by any thread; its end of life is by this too

    [[nodiscard]] bool is_there() const { return pid > 0; }
    void spawn();
    void bury();
    bool send_start(const std::string& spec);
};

void Guard::Native::spawn() {
    auto out_pipe = make_pipe();
    auto err_pipe = make_pipe();
    auto pair = make_channel();
    const auto out_end = lifted(std::move(out_pipe.write));
    const auto err_end = lifted(std::move(err_pipe.write));
    pid = spawn_guard(program, out_end.get(), err_end.get(), pair.theirs.get());
    out = std::move(out_pipe.read);
    err = std::move(err_pipe.read);
    set_non_blocking(out.get());
    set_non_blocking(err.get());
    const std::lock_guard lock(sending);
    channel = std::move(pair.ours);
}

void Guard::Native::bury() {
    {
        const std::lock_guard lock(sending);
        channel.close(); // it ends by that, if it has not yet
    }
    while (pid > 0 && ::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid = 0;
}

bool Guard::Native::send_start(const std::string& spec) {
    const Order order{Order::start, static_cast<std::uint32_t>(spec.size())};
    const std::lock_guard lock(sending);
    return send_all(channel.get(), &order, sizeof order) &&
           send_all(channel.get(), spec.data(), spec.size());
}

Guard::Guard(std::filesystem::path program) : m_native(std::make_unique<Native>()) {
    m_native->program = std::move(program);
    group::adopt_orphans();
    try {
        m_native->spawn();
    } catch (const std::exception&) {
        m_native->pid = 0; // the first Child tries again, and tells
    }
}

Guard::~Guard() {
    m_native->bury();
}

struct Child::Native {
    explicit Native(Guard::Native& its_guard) : guard(its_guard) {}

    Guard::Native& guard;
    pid_t pid = 0;
    bool exited = false;
    bool gone = false;
    std::deque<ChildEvent> ready;

    void handle_report();
    void kill_group();
};

Child::Child(const ChildSpec& spec, Guard& its_guard)
    : m_native(std::make_unique<Native>(*its_guard.m_native)) {
    auto& guard = m_native->guard;
    const auto text = spec_text(spec);
    if (text.size() > k_spec_bytes_max) fail(spec.executable, "", E2BIG);
    Report report;
    bool answered = false;
    // An idle guard that was killed is noticed here.
    for (int attempt = 0; attempt < 2 && !answered; ++attempt) {
        if (!guard.is_there()) guard.spawn();
        answered = guard.send_start(text) && receive(guard.channel.get(), report);
        if (!answered) guard.bury();
    }
    if (answered && report.kind == Report::started) {
        m_native->pid = static_cast<pid_t>(report.b);
        return;
    }
    m_native->gone = true;
    if (!answered) fail(spec.executable, "the guard process ended: ", EPIPE);
    const char* doing = report.a == stage_directory ? "entering its folder: "
                        : report.a == stage_fork    ? "making a process: "
                                                    : "";
    fail(spec.executable, doing, static_cast<int>(report.b));
}

Child::~Child() {
    if (m_native->gone) return;
    stop(std::chrono::milliseconds(0));
    while (!m_native->gone)
        (void)next(std::chrono::milliseconds(1000));
}

std::int64_t Child::pid() const {
    return m_native->pid;
}

namespace {

// Everything that is there now, up to the limit.
std::string read_available(Fd& fd) {
    std::string text;
    char bytes[16 * 1024];
    while (fd && text.size() < k_output_bytes_max) {
        const auto got = ::read(fd.get(), bytes, sizeof bytes);
        if (got > 0) {
            text.append(bytes, static_cast<std::size_t>(got));
        } else if (got < 0 && errno == EINTR) {
            continue;
        } else {
            if (got == 0 || errno != EAGAIN) fd.close();
            break;
        }
    }
    return text;
}

} // namespace

ChildEvent Child::next(std::chrono::milliseconds limit) {
    auto& native = *m_native;
    auto& guard = native.guard;
    if (native.ready.empty() && native.gone) return ChildGone{};
    if (native.ready.empty()) {
        pollfd waiting[3] = {{guard.out ? guard.out.get() : -1, POLLIN, 0},
                             {guard.err ? guard.err.get() : -1, POLLIN, 0},
                             {guard.channel ? guard.channel.get() : -1, POLLIN, 0}};
        const int count = ::poll(waiting, 3, static_cast<int>(limit.count()));
        if (count <= 0) return ChildQuiet{};
        // err before out: see ChildOutput. Both before the channel: an exit comes after the words.
        const bool reported = waiting[2].revents != 0;
        for (;;) {
            ChildOutput output;
            output.err = read_available(guard.err);
            output.out = read_available(guard.out);
            const bool more =
                output.err.size() >= k_output_bytes_max || output.out.size() >= k_output_bytes_max;
            if (!output.err.empty() || !output.out.empty()) {
                native.ready.emplace_back(std::move(output));
            }
            if (!reported || !more) break;
        }
        if (reported) native.handle_report();
        if (native.ready.empty()) return ChildQuiet{};
    }
    auto event = std::move(native.ready.front());
    native.ready.pop_front();
    return event;
}

void Child::Native::handle_report() {
    Report report;
    if (!receive(guard.channel.get(), report)) {
        kill_group();
        guard.bury();
    } else if (report.kind == Report::exited) {
        exited = true;
        ready.emplace_back(ChildExited{{report.a, static_cast<int>(report.b)}});
        return;
    } else if (report.kind != Report::gone) {
        return;
    }
    if (!exited) ready.emplace_back(ChildExited{{0, SIGKILL}});
    gone = true;
    ready.emplace_back(ChildGone{});
}

// The guard is dead. Its program was killed with it (Linux), or is ours to kill; those that it
// started are, in any case.
void Child::Native::kill_group() {
    const auto limit = Clock::now() + k_lost_guard_limit;
    do {
        ::kill(-pid, SIGKILL);
        ::waitpid(pid, nullptr, WNOHANG);
        if (group::is_gone(pid)) break;
        std::this_thread::sleep_for(k_look_again);
    } while (Clock::now() < limit);
}

void Child::stop(std::chrono::milliseconds grace) {
    const Order order{Order::stop,
                      static_cast<std::uint32_t>(grace.count() > 0 ? grace.count() : 0)};
    auto& guard = m_native->guard;
    const std::lock_guard lock(guard.sending);
    if (!guard.channel || send_all(guard.channel.get(), &order, sizeof order)) return;
    ::shutdown(guard.channel.get(), SHUT_WR); // it takes that for our death, and ends the child
}

std::string exit_text(const ExitStatus& status) {
    if (status.signal == 0) return concat("exit code ", status.code);
    return concat("signal ", status.signal, " (", ::strsignal(status.signal), ")");
}

} // namespace odysseus::system
