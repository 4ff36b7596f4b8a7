// One thread, no locks, no allocation to speak of: fork without worry, and little to go wrong.
#include "odysseus/system/guard.hpp"

#include "group.hpp"
#include "guard_protocol.hpp"
#include "posix_fd.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <vector>

namespace odysseus::system {
namespace {

using namespace guard_protocol;
using Clock = std::chrono::steady_clock;

// How long a group may take over a TERM after odysseus vanished. Together with the rest it stays
// below the 2 s that are promised.
constexpr std::chrono::milliseconds k_orphan_grace{1000};
// Where nobody tells us that the last process of the group is gone (macOS), we look this often.
constexpr std::chrono::milliseconds k_look_again{5};
// KILL is repeated this often for processes that were being forked when the last one was sent.
constexpr std::chrono::milliseconds k_kill_again{50};

int g_child_signal_pipe = -1;

void on_child_signal(int) {
    const int kept = errno;
    const char byte = 0;
    if (::write(g_child_signal_pipe, &byte, 1) < 0) errno = kept;
    errno = kept;
}

bool read_all(int fd, void* into, std::size_t bytes) {
    auto* at = static_cast<char*>(into);
    while (bytes > 0) {
        const auto got = ::read(fd, at, bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += got;
        bytes -= static_cast<std::size_t>(got);
    }
    return true;
}

void say(Report::Kind kind, int a = 0, std::int64_t b = 0) {
    const Report report{kind, a, b};
    // Nobody may be listening any more; then end of file says so at the next look.
    if (::write(k_channel, &report, sizeof report) < 0) return;
}

struct Spec {
    std::string executable;
    std::string directory;
    std::vector<std::string> arguments;
    std::vector<std::string> environment;
};

// False: nobody is there to give orders any more.
bool read_spec(Spec& spec) {
    Order order;
    do { // a stop that came too late means the child before
        if (!read_all(k_channel, &order, sizeof order)) return false;
    } while (order.kind != Order::start);
    if (order.value > k_spec_bytes_max) return false;
    std::string text(order.value, '\0');
    if (!read_all(k_channel, text.data(), text.size())) return false;
    std::vector<std::string> parts;
    std::string_view rest = text;
    for (auto end = rest.find('\0'); end != std::string_view::npos; end = rest.find('\0')) {
        parts.emplace_back(rest.substr(0, end));
        rest.remove_prefix(end + 1);
    }
    if (parts.size() < 3) return false;
    const auto count = std::strtoul(parts[2].c_str(), nullptr, 10);
    if (count > parts.size() - 3) return false;
    const auto arguments_end = parts.begin() + 3 + static_cast<std::ptrdiff_t>(count);
    spec.executable = parts[0];
    spec.directory = parts[1];
    spec.arguments.assign(parts.begin() + 3, arguments_end);
    spec.environment.assign(arguments_end, parts.end());
    return true;
}

struct Trouble {
    std::int32_t stage = 0;
    std::int32_t reason = 0;
};

// In the child. Says what failed through `trouble`, which exec closes when nothing did.
[[noreturn]] void become(const Spec& spec, char** argv, char** environment, int trouble,
                         pid_t guard) {
    const auto fail = [&](Stage stage) {
        const Trouble report{stage, errno};
        if (::write(trouble, &report, sizeof report) < 0) ::_exit(126);
        ::_exit(127);
    };
    ::setpgid(0, 0);
    group::die_with(guard);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD, SIGQUIT}) {
        ::signal(signal, SIG_DFL);
    }
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (!spec.directory.empty() && ::chdir(spec.directory.c_str()) != 0) fail(stage_directory);
    ::execve(spec.executable.c_str(), argv, environment);
    fail(stage_execute);
    ::_exit(127);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> list;
    list.reserve(texts.size() + 1);
    for (const auto& text : texts)
        list.push_back(const_cast<char*>(text.c_str()));
    list.push_back(nullptr);
    return list;
}

// The process id of the started program, or 0 after the failure has been told.
pid_t start(const Spec& spec) {
    auto argv = pointers(spec.arguments);
    argv.insert(argv.begin(), const_cast<char*>(spec.executable.c_str()));
    auto environment = pointers(spec.environment);

    auto trouble = make_pipe();
    const pid_t guard = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) {
        say(Report::failed, stage_fork, errno);
        return 0;
    }
    if (child == 0) {
        become(spec, argv.data(), environment.data(), trouble.write.get(), guard);
    }
    ::setpgid(child, child); // whoever comes first
    trouble.write.close();
    Trouble report;
    if (read_all(trouble.read.get(), &report, sizeof report)) {
        ::waitpid(child, nullptr, 0);
        say(Report::failed, report.stage, report.reason);
        return 0;
    }
    say(Report::started, 0, child);
    return child;
}

class Watch {
  public:
    explicit Watch(pid_t leader) : m_leader(leader) {}

    // Returns when the last process of the group is gone: whether somebody still gives orders.
    [[nodiscard]] bool run(int child_signals) {
        while (!reap()) {
            pollfd waiting[2] = {{m_listening ? k_channel : -1, POLLIN, 0},
                                 {child_signals, POLLIN, 0}};
            ::poll(waiting, 2, patience_ms());
            if (waiting[1].revents != 0) drain(child_signals);
            if (waiting[0].revents != 0) listen();
            if (m_kill_at && Clock::now() >= *m_kill_at) {
                group::signal_all(m_leader, SIGKILL);
                m_kill_at = Clock::now() + k_kill_again;
            }
        }
        return m_listening;
    }

  private:
    static void drain(int fd) {
        char bytes[64];
        while (::read(fd, bytes, sizeof bytes) > 0) {
        }
    }

    // True when nobody is left.
    bool reap() {
        int status = 0;
        while (!m_leader_ended) {
            const pid_t ended = ::waitpid(m_leader, &status, WNOHANG);
            if (ended < 0 && errno == EINTR) continue;
            if (ended != m_leader) return false;
            m_leader_ended = true;
            // A model's process without its router is of no use to anyone.
            if (!m_kill_at) m_kill_at = Clock::now();
            say(Report::exited, WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                WIFSIGNALED(status) ? WTERMSIG(status) : 0);
        }
        // Children that left the group, on systems where we adopt them.
        for (;;) {
            const pid_t ended = ::waitpid(-1, nullptr, WNOHANG);
            if (ended > 0 || (ended < 0 && errno == EINTR)) continue;
            if (ended == 0) return false;
            break;
        }
        return group::is_gone(m_leader);
    }

    void listen() {
        Order order;
        if (!read_all(k_channel, &order, sizeof order) || order.kind != Order::stop) {
            m_listening = false;
            stop(k_orphan_grace);
            return;
        }
        stop(std::chrono::milliseconds(order.value));
    }

    void stop(std::chrono::milliseconds grace) {
        const auto kill_at = Clock::now() + grace;
        if (!m_termed) group::signal_all(m_leader, SIGTERM);
        m_termed = true;
        if (!m_kill_at || kill_at < *m_kill_at) m_kill_at = kill_at;
    }

    [[nodiscard]] int patience_ms() const {
        using std::chrono::milliseconds;
        if (!m_kill_at) return -1;
        auto left =
            std::chrono::duration_cast<milliseconds>(*m_kill_at - Clock::now()) + milliseconds(1);
        if (m_leader_ended && left > k_look_again) left = k_look_again;
        return left.count() > 0 ? static_cast<int>(left.count()) : 0;
    }

    pid_t m_leader;
    bool m_leader_ended = false;
    bool m_listening = true;
    bool m_termed = false;
    std::optional<Clock::time_point> m_kill_at;
};

int guard() {
    group::name_this_process("llama-guard");
    set_close_on_exec(k_channel);
    group::close_descriptors_from(k_channel + 1);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT})
        ::signal(signal, SIG_IGN);
    auto child_signals = make_pipe();
    set_non_blocking(child_signals.read.get());
    set_non_blocking(child_signals.write.get());
    g_child_signal_pipe = child_signals.write.get();
    struct sigaction action {};
    action.sa_handler = on_child_signal;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGCHLD, &action, nullptr);
    group::adopt_orphans();

    bool listening = true;
    for (Spec spec; listening && read_spec(spec); spec = {}) {
        const pid_t leader = start(spec);
        if (leader == 0) continue;
        listening = Watch(leader).run(child_signals.read.get());
        say(Report::gone);
    }
    return 0;
}

} // namespace

std::optional<int> guard_main(int argc, char** argv) {
    if (argc != 2 || std::strcmp(argv[1], k_guard_role) != 0) return std::nullopt;
    try {
        return guard();
    } catch (...) {
        return 1; // out of descriptors or memory before anything was started
    }
}

} // namespace odysseus::system
