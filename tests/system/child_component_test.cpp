#include "odysseus/base/error.hpp"
#include "odysseus/system/child.hpp"
#include "odysseus/system/process_info.hpp"

#include "scratch.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <fstream>
#include <functional>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace odysseus;
using namespace odysseus::system;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

ChildSpec shell(const std::string& script) {
    ChildSpec spec;
    spec.executable = "/bin/sh";
    spec.arguments = {"-c", script};
    spec.environment = {"PATH=/usr/bin:/bin", "WORD=from the environment"};
    return spec;
}

struct OwnGuard {
    Guard guard{ODYSSEUS_FAKE_LLAMA_SERVER};
};
class Guarded : private OwnGuard, public Child {
  public:
    explicit Guarded(const ChildSpec& spec) : Child(spec, guard) {}
};

struct Seen {
    std::string out;
    std::string err;
    std::optional<ExitStatus> exit;
    bool gone = false;
};

// Everything until the group is gone, or until `until` is true.
Seen follow(Child& child, const std::function<bool(const Seen&)>& until = {}) {
    Seen seen;
    const auto end = Clock::now() + 20s;
    while (!seen.gone && Clock::now() < end) {
        auto event = child.next(100ms);
        if (auto* output = std::get_if<ChildOutput>(&event)) {
            seen.out += output->out;
            seen.err += output->err;
        } else if (auto* exited = std::get_if<ChildExited>(&event)) {
            seen.exit = exited->status;
        } else if (std::holds_alternative<ChildGone>(event)) {
            seen.gone = true;
        }
        if (until && until(seen)) break;
    }
    return seen;
}

bool is_alive(std::int64_t pid) {
    return process_identity(pid).has_value();
}

bool dies_within(std::int64_t pid, std::chrono::milliseconds limit) {
    const auto end = Clock::now() + limit;
    while (is_alive(pid) && Clock::now() < end)
        std::this_thread::sleep_for(5ms);
    return !is_alive(pid);
}

std::int64_t number_in(const std::string& text) {
    return text.empty() ? 0 : std::stoll(text);
}

} // namespace

TEST_CASE("child: what it writes, its environment, folder and exit code arrive", "[child]") {
    Scratch scratch;
    auto spec = shell("echo \"$WORD\"; pwd; echo trouble >&2; exit 7");
    spec.directory = scratch.path();
    Guarded child(spec);
    CHECK(child.pid() > 1);
    const auto seen = follow(child);
    CHECK(seen.out ==
          "from the environment\n" + std::filesystem::canonical(scratch.path()).string() + "\n");
    CHECK(seen.err == "trouble\n");
    REQUIRE(seen.exit);
    CHECK(seen.exit->code == 7);
    CHECK(exit_text(*seen.exit) == "exit code 7");
    CHECK(seen.gone);
}

TEST_CASE("child: death by a signal is told as such", "[child]") {
    Guarded child(shell("kill -SEGV $$"));
    const auto seen = follow(child);
    REQUIRE(seen.exit);
    CHECK(seen.exit->signal == SIGSEGV);
}

TEST_CASE("child: a start that fails says why", "[child]") {
    Scratch scratch;
    auto spec = shell("");
    spec.executable = scratch / "missing";
    const auto message = [&] {
        try {
            Guarded child(spec);
        } catch (const Error& error) {
            CHECK(error.fault() == Fault::server);
            return std::string(error.what());
        }
        return std::string("it started");
    };
    CHECK(message() == "starting " + spec.executable.string() + ": No such file or directory");
    std::ofstream(scratch / "missing") << "no program";
    CHECK(message() == "starting " + spec.executable.string() + ": Permission denied");
    spec = shell("");
    spec.directory = scratch / "nowhere";
    CHECK(message() == "starting /bin/sh: entering its folder: No such file or directory");
}

TEST_CASE("child: nothing of ours is inherited but the three streams", "[child]") {
    // The shell that runs ls has 0, 1, 2; ls has its own descriptor of the folder beside them.
    Guarded child(shell("ls /proc/self/fd | tr '\\n' ' '"));
    CHECK(follow(child).out == "0 1 2 3 ");
}

TEST_CASE("child: TERM, and the group is gone when its last process is", "[child]") {
    Guarded child(
        shell("sh -c 'trap \"sleep 0.3; exit\" TERM; echo $$; while :; do sleep 0.05; done' & "
              "trap 'exit 0' TERM; wait"));
    const auto grandchild = number_in(follow(child, [](const Seen& seen) {
                                          return seen.out.find('\n') != std::string::npos;
                                      }).out);
    REQUIRE(is_alive(grandchild));
    const auto began = Clock::now();
    child.stop(10s);
    const auto seen = follow(child);
    CHECK(seen.gone);
    CHECK_FALSE(is_alive(grandchild));
    CHECK(Clock::now() - began >= 250ms);
    CHECK(Clock::now() - began < 5s);
}

TEST_CASE("child: who ignores TERM is killed at the deadline", "[child]") {
    Guarded child(shell("trap '' TERM; echo ready; while :; do sleep 0.05; done"));
    follow(child, [](const Seen& seen) { return !seen.out.empty(); });
    const auto began = Clock::now();
    SECTION("the one that was given") {
        child.stop(200ms);
        const auto seen = follow(child);
        CHECK(seen.exit->signal == SIGKILL);
        CHECK(Clock::now() - began >= 200ms);
    }
    SECTION("a second call hastens it") {
        child.stop(60s);
        child.stop(0ms);
        CHECK(follow(child).gone);
    }
    CHECK(Clock::now() - began < 5s);
}

TEST_CASE("child: a grandchild in its own session that holds the pipe does not outlive a stop",
          "[child]") {
    // llama-swap's "forking" case: waiting for the end of the pipe would take for ever.
    Guarded child(shell("setsid sh -c 'echo $$; exec sleep 1000' & sleep 1000"));
    const auto escaped = number_in(follow(child, [](const Seen& seen) {
                                       return seen.out.find('\n') != std::string::npos;
                                   }).out);
    child.stop(200ms);
    CHECK(follow(child).gone);
    CHECK(dies_within(escaped, 2s));
}

TEST_CASE("child: when the program dies, the rest of its group does", "[child]") {
    Guarded child(shell("sh -c 'trap \"\" TERM; echo $$; sleep 1000' & read x < /dev/stdin; wait"));
    const auto grandchild = number_in(follow(child, [](const Seen& seen) {
                                          return seen.out.find('\n') != std::string::npos;
                                      }).out);
    ::kill(static_cast<pid_t>(child.pid()), SIGKILL);
    const auto seen = follow(child);
    REQUIRE(seen.exit);
    CHECK(seen.exit->signal == SIGKILL);
    CHECK(seen.gone);
    CHECK_FALSE(is_alive(grandchild));
}

TEST_CASE("child: a killed guard takes the whole group with it, and that is told", "[child]") {
    Guarded child(
        shell("sh -c 'trap \"\" TERM; echo $$; echo $PPID; while :; do sleep 0.05; done' & "
              "trap '' TERM; while :; do sleep 0.05; done"));
    const auto first = follow(child, [](const Seen& seen) {
        return std::count(seen.out.begin(), seen.out.end(), '\n') == 2;
    });
    const auto grandchild = number_in(first.out);
    // The guard is the parent of the program.
    std::ifstream stat("/proc/" + std::to_string(child.pid()) + "/stat");
    std::string word;
    for (int i = 0; i < 4; ++i)
        stat >> word;
    ::kill(static_cast<pid_t>(std::stol(word)), SIGKILL);
    const auto seen = follow(child);
    CHECK(seen.exit);
    CHECK(seen.gone);
    CHECK_FALSE(is_alive(child.pid()));
    CHECK_FALSE(is_alive(grandchild));
}

TEST_CASE("child: nothing survives the death of the one that started it", "[child]") {
    // A copy of this process starts the child and is killed, as odysseus might be.
    int pipe_ends[2];
    REQUIRE(::pipe(pipe_ends) == 0);
    const pid_t starter = ::fork();
    if (starter == 0) {
        Guarded child(shell("sh -c 'trap \"\" TERM; while :; do sleep 0.05; done' & "
                            "trap '' TERM; echo $!; while :; do sleep 0.05; done"));
        const auto seen = follow(child, [](const Seen& s) { return !s.out.empty(); });
        std::int64_t pids[2] = {child.pid(), number_in(seen.out)};
        if (::write(pipe_ends[1], pids, sizeof pids) != sizeof pids) ::_exit(1);
        for (;;)
            ::pause();
    }
    std::int64_t pids[2] = {0, 0};
    REQUIRE(::read(pipe_ends[0], pids, sizeof pids) == sizeof pids);
    REQUIRE(is_alive(pids[0]));
    REQUIRE(is_alive(pids[1]));
    ::kill(starter, SIGKILL);
    ::waitpid(starter, nullptr, 0);
    CHECK(dies_within(pids[0], 2s)); // both ignore TERM: the worst case
    CHECK(dies_within(pids[1], 2s));
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
}

TEST_CASE("child: one guard for one after the other", "[child]") {
    Guard guard(ODYSSEUS_FAKE_LLAMA_SERVER);
    const auto parent = [](const Child& child) {
        std::ifstream stat("/proc/" + std::to_string(child.pid()) + "/stat");
        std::string word;
        for (int i = 0; i < 4; ++i)
            stat >> word;
        return static_cast<pid_t>(std::stol(word));
    };
    pid_t first = 0;
    {
        Child child(shell("echo one; sleep 0.5"), guard);
        first = parent(child);
        CHECK(follow(child).out == "one\n");
        child.stop(0ms); // too late: not for the next one
    }
    auto missing = shell("");
    missing.executable = "/missing";
    CHECK_THROWS_AS(Child(missing, guard), Error);
    {
        Child child(shell("echo two; sleep 0.2; echo still here"), guard);
        CHECK(parent(child) == first);
        CHECK(follow(child).out == "two\nstill here\n");
    }
    ::kill(first, SIGKILL); // while it is idle
    Child child(shell("echo three"), guard);
    CHECK(follow(child).out == "three\n");
}

TEST_CASE("child: a guard that is no program is told of at the start", "[child]") {
    Guard guard("/missing/guard");
    CHECK_THROWS_AS(Child(shell("true"), guard), Error);
}

TEST_CASE("child: much output loses nothing, and both streams keep their order", "[child]") {
    Guarded child(
        shell("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; echo end >&2"));
    const auto seen = follow(child);
    CHECK(std::count(seen.out.begin(), seen.out.end(), '\n') == 20000);
    CHECK(seen.out.ends_with("line 19999\n"));
    CHECK(seen.err == "end\n");
}
