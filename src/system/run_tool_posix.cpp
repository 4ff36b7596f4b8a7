#include "odysseus/system/run_tool.hpp"

#include "odysseus/base/text.hpp"

#include "posix_fd.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <string_view>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>

extern char** environ; // POSIX prescribes the name, and macOS's headers do not declare it

namespace odysseus::system {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// A grandchild may hold the pipes open after the program itself is gone; so its end is looked for
// in between, and what is already in the pipes is given this long.
constexpr milliseconds k_look_interval{50};
constexpr milliseconds k_drain_time{100};

// What posix_spawn is told: /dev/null as input, the pipes as output, a group of its own, and no
// signal blocked or ignored that a program expects to work.
class SpawnSettings {
  public:
    SpawnSettings(const Pipe& out, const Pipe& err) {
        posix_spawn_file_actions_init(&m_actions);
        posix_spawn_file_actions_addopen(&m_actions, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&m_actions, out.write.get(), 1);
        posix_spawn_file_actions_adddup2(&m_actions, err.write.get(), 2);

        posix_spawnattr_init(&m_attributes);
        sigset_t none;
        sigset_t all;
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_setsigmask(&m_attributes, &none);
        posix_spawnattr_setsigdefault(&m_attributes, &all);
        posix_spawnattr_setpgroup(&m_attributes, 0);
        int flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
#ifdef POSIX_SPAWN_CLOEXEC_DEFAULT
        flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
#endif
        posix_spawnattr_setflags(&m_attributes, static_cast<short>(flags));
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;
    ~SpawnSettings() {
        posix_spawn_file_actions_destroy(&m_actions);
        posix_spawnattr_destroy(&m_attributes);
    }

    // 0, or an errno.
    [[nodiscard]] int spawn(pid_t& pid, const std::vector<std::string>& argv,
                            const std::vector<std::string>& environment) const {
        return ::posix_spawnp(&pid, argv[0].c_str(), &m_actions, &m_attributes,
                              pointers(argv).data(), pointers(environment).data());
    }

  private:
    // posix_spawn takes char* and changes nothing.
    static std::vector<char*> pointers(const std::vector<std::string>& texts) {
        std::vector<char*> out;
        out.reserve(texts.size() + 1);
        for (const auto& text : texts)
            out.push_back(const_cast<char*>(text.c_str()));
        out.push_back(nullptr);
        return out;
    }

    posix_spawn_file_actions_t m_actions{};
    posix_spawnattr_t m_attributes{};
};

std::vector<std::string> environment_with(const EnvAdditions& additions) {
    std::vector<std::string> out;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const auto name = text.substr(0, text.find('='));
        const bool replaced =
            std::any_of(additions.begin(), additions.end(),
                        [&](const auto& addition) { return addition.first == name; });
        if (!replaced) out.emplace_back(text);
    }
    for (const auto& [name, value] : additions)
        out.push_back(concat(name, '=', value));
    return out;
}

// Reads what is there. False at the end of the stream.
bool drain(const Fd& from, std::string& into, const ToolLimits& limits, bool& truncated) {
    std::array<char, 16384> buffer{};
    for (;;) {
        const auto count = ::read(from.get(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
        if (count == 0) return false;
        const auto room = limits.output_bytes_max - into.size();
        const auto length = static_cast<std::size_t>(count);
        if (length > room) truncated = true;
        into.append(buffer.data(), std::min(length, room));
        // A program that prints faster than it is read must not keep us from the deadline.
        if (length < buffer.size()) return true;
        if (truncated) return true;
    }
}

// One running program. Its end is seen without reaping it (WNOWAIT): until it is reaped, its
// group's number cannot be given to others, so the group can be killed safely.
class Run {
  public:
    Run(pid_t pid, Pipe& out, Pipe& err, const ToolLimits& limits)
        : m_pid(pid), m_out(out), m_err(err), m_limits(limits),
          m_deadline(Clock::now() + limits.deadline) {}

    ToolResult finish() {
        read_until_end();
        while (!m_ended && Clock::now() < m_deadline) { // it closed its output and lives on
            std::this_thread::sleep_for(milliseconds(5));
            look();
        }
        ::kill(-m_pid, SIGKILL); // what is left of the group, too
        reap();
        return std::move(m_result);
    }

  private:
    void read_until_end() {
        auto deadline = m_deadline;
        while (m_out.read || m_err.read) {
            const auto left =
                std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
            if (left <= 0) return;
            pollfd ends[2] = {{m_out.read.get(), POLLIN, 0}, {m_err.read.get(), POLLIN, 0}};
            const auto wait = std::min<long long>(left, k_look_interval.count());
            ::poll(ends, 2, static_cast<int>(wait));
            if (ends[0].revents != 0) take(m_out.read, m_result.out);
            if (ends[1].revents != 0) take(m_err.read, m_result.err);
            if (!m_ended && look()) deadline = std::min(deadline, Clock::now() + k_drain_time);
        }
    }

    void take(Fd& from, std::string& into) {
        if (!drain(from, into, m_limits, m_result.truncated)) from.close();
    }

    // Has it ended?
    bool look() {
        siginfo_t info{};
        const int result =
            ::waitid(P_PID, static_cast<id_t>(m_pid), &info, WEXITED | WNOHANG | WNOWAIT);
        m_ended = (result == 0 && info.si_pid == m_pid) || (result != 0 && errno == ECHILD);
        return m_ended;
    }

    void reap() {
        int status = 0;
        pid_t reaped = 0;
        do {
            reaped = ::waitpid(m_pid, &status, 0);
        } while (reaped < 0 && errno == EINTR);
        if (!m_ended) {
            m_result.end = ToolResult::End::timed_out;
        } else if (reaped == m_pid && WIFSIGNALED(status)) {
            m_result.end = ToolResult::End::signalled;
            m_result.status = WTERMSIG(status);
        } else {
            m_result.end = ToolResult::End::exited;
            if (reaped == m_pid) m_result.status = WEXITSTATUS(status);
        }
    }

    pid_t m_pid;
    Pipe& m_out;
    Pipe& m_err;
    const ToolLimits& m_limits;
    Clock::time_point m_deadline;
    bool m_ended = false;
    ToolResult m_result;
};

ToolResult not_started(int error) {
    ToolResult result;
    result.end = error == ENOENT ? ToolResult::End::not_found : ToolResult::End::not_started;
    result.problem = std::generic_category().message(error);
    return result;
}

} // namespace

ToolResult run_tool(const std::vector<std::string>& argv, const EnvAdditions& env_additions,
                    const ToolLimits& limits) {
    if (argv.empty() || argv[0].empty()) return not_started(ENOENT);
    Pipe out;
    Pipe err;
    try {
        out = make_pipe();
        err = make_pipe();
    } catch (const std::system_error& error) {
        return not_started(error.code().value());
    }
    set_non_blocking(out.read.get());
    set_non_blocking(err.read.get());
    const SpawnSettings settings(out, err);
    pid_t pid = 0;
    const int error = settings.spawn(pid, argv, environment_with(env_additions));
    out.write.close();
    err.write.close();
    if (error != 0) return not_started(error);
    return Run(pid, out, err, limits).finish();
}

} // namespace odysseus::system
