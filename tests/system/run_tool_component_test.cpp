#include "odysseus/system/run_tool.hpp"

#include "odysseus/base/text.hpp"

#include "scratch.hpp"

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

using namespace odysseus;
using namespace odysseus::system;
using namespace std::chrono_literals;
using End = ToolResult::End;

namespace {

ToolResult shell(const std::string& script, const ToolLimits& limits = {},
                 const EnvAdditions& environment = {}) {
    return run_tool({"/bin/sh", "-c", script}, environment, limits);
}

// Is the process gone (or a zombie that somebody else has to reap)? Waits up to 5 s.
bool goes_away(const std::string& pid) {
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (std::chrono::steady_clock::now() < deadline) {
        std::ifstream in("/proc/" + pid + "/status"); // no size in /proc: read_file is not for it
        std::string status(4096, '\0');
        in.read(status.data(), 4096); // it may go while it is read: that is no exception here
        status.resize(static_cast<std::size_t>(in.gcount()));
        if (status.empty() || status.find("State:\tZ") != std::string::npos) return true;
        std::this_thread::sleep_for(5ms);
    }
    return false;
}

} // namespace

TEST_CASE("run tool: output, error output and exit code are kept apart") {
    const auto result = shell("echo one; echo two >&2; exit 7");
    CHECK(result.end == End::exited);
    CHECK(result.status == 7);
    CHECK(result.out == "one\n");
    CHECK(result.err == "two\n");
    CHECK_FALSE(result.truncated);
    CHECK_FALSE(result.ok());
    CHECK(result.how_it_ended({}) == "exited with 7");
    CHECK(shell("true").ok());
}

TEST_CASE("run tool: additions replace what is in the environment, input is empty") {
    const auto result = shell("echo $LC_ALL $ODYSSEUS_T; cat; env | grep -c ^LC_ALL=", {},
                              {{"LC_ALL", "C"}, {"ODYSSEUS_T", "a b"}});
    CHECK(result.out == "C a b\n1\n");
    CHECK_FALSE(shell("echo $HOME").out == "\n"); // the rest is inherited
}

TEST_CASE("run tool: a program that hangs is killed at the deadline, with its children") {
    const auto start = std::chrono::steady_clock::now();
    const ToolLimits limits{200ms, 1024};
    const auto result =
        shell("echo before; sleep 600 & echo $!; trap '' TERM; wait; sleep 600", limits);
    CHECK(std::chrono::steady_clock::now() - start < 5s);
    CHECK(result.end == End::timed_out);
    CHECK(result.how_it_ended(limits) == "did not finish within 200 ms");
    const auto lines = lines_of(result.out);
    REQUIRE(lines.size() == 2);
    CHECK(lines[0] == "before");
    CHECK(goes_away(std::string(lines[1])));
}

TEST_CASE("run tool: a grandchild that holds the pipes open does not delay the answer") {
    const auto start = std::chrono::steady_clock::now();
    const auto result = shell("sleep 600 & echo $!", {60s, 1024});
    CHECK(std::chrono::steady_clock::now() - start < 10s);
    CHECK(result.ok());
    CHECK(goes_away(std::string(trimmed(result.out))));
}

TEST_CASE("run tool: one that closes its output and lives on is killed as well") {
    const auto result = shell("exec >&- 2>&-; sleep 600", {200ms, 1024});
    CHECK(result.end == End::timed_out);
}

TEST_CASE("run tool: too much output is cut, and the program still ends by itself") {
    const auto result = shell("yes | head -c 300000; echo done >&2", {20s, 1000});
    CHECK(result.ok());
    CHECK(result.out.size() == 1000);
    CHECK(result.truncated);
    CHECK(result.err == "done\n");
    // Endless output does not outlast the deadline.
    CHECK(shell("exec yes", {200ms, 1000}).end == End::timed_out);
}

TEST_CASE("run tool: what cannot be started says why") {
    CHECK(run_tool({"/nonexistent/nvidia-smi"}).end == End::not_found);
    CHECK(run_tool({"odysseus-no-such-program"}).end == End::not_found);
    CHECK(run_tool({}).end == End::not_found);
    const Scratch scratch;
    write_file_atomically(scratch / "plain", "no program");
    const auto result = run_tool({(scratch / "plain").string()});
    CHECK(result.end == End::not_started);
    CHECK(result.how_it_ended({}) == "could not be started: Permission denied");
}

TEST_CASE("run tool: a signal is told, and ours are not passed on") {
    const auto result = shell("kill -SEGV $$");
    CHECK(result.end == End::signalled);
    CHECK(result.status == SIGSEGV);
    // SIGPIPE is ignored in the program, but not in what it starts.
    auto* const before = std::signal(SIGPIPE, SIG_IGN);
    CHECK(shell("kill -PIPE $$").status == SIGPIPE);
    std::signal(SIGPIPE, before);
}
