#include "odysseus/base/error.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/instance_lock.hpp"
#include "odysseus/system/leftovers.hpp"
#include "odysseus/system/ports.hpp"
#include "odysseus/system/process_info.hpp"
#include "odysseus/system/stop_signal.hpp"

#include "scratch.hpp"

#include <arpa/inet.h>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace odysseus;
using namespace odysseus::system;
using namespace std::chrono_literals;

namespace {

// A process that sleeps, in a group of its own; killed and reaped at the end.
class Sleeper {
  public:
    explicit Sleeper(pid_t group = 0) {
        m_pid = ::fork();
        if (m_pid == 0) {
            ::setpgid(0, group);
            ::execl("/bin/sleep", "sleep", "1000", nullptr);
            ::_exit(127);
        }
        // Until it is sleep and no copy of ours any more.
        const auto end = std::chrono::steady_clock::now() + 5s;
        while (std::chrono::steady_clock::now() < end) {
            const auto identity = process_identity(m_pid);
            if (identity && identity->executable.find("component_tests") == std::string::npos)
                break;
            std::this_thread::sleep_for(1ms);
        }
    }
    ~Sleeper() {
        ::kill(m_pid, SIGKILL);
        ::waitpid(m_pid, nullptr, 0);
    }
    Sleeper(const Sleeper&) = delete;
    Sleeper& operator=(const Sleeper&) = delete;
    [[nodiscard]] pid_t pid() const { return m_pid; }
    [[nodiscard]] bool alive() const { return process_identity(m_pid).has_value(); }
    bool dies() const {
        for (int i = 0; i < 1000 && alive(); ++i)
            std::this_thread::sleep_for(2ms);
        return !alive();
    }

  private:
    pid_t m_pid;
};

// Runs `body` in a process of its own; its exit code, or 128 and the signal.
template <class Body>
int in_own_process(Body body) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(body());
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

class Listener {
  public:
    Listener() {
        m_socket = ::socket(AF_INET, SOCK_STREAM, 0);
        REQUIRE(::fcntl(m_socket, F_SETFD, FD_CLOEXEC) == 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        REQUIRE(::bind(m_socket, reinterpret_cast<sockaddr*>(&address), length) == 0);
        REQUIRE(::listen(m_socket, 1) == 0);
        REQUIRE(::getsockname(m_socket, reinterpret_cast<sockaddr*>(&address), &length) == 0);
        m_port = ntohs(address.sin_port);
    }
    ~Listener() { ::close(m_socket); }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    [[nodiscard]] int port() const { return m_port; }

  private:
    int m_socket;
    int m_port = 0;
};

} // namespace

TEST_CASE("instance lock: one for each HOME", "[instance]") {
    Scratch home;
    Scratch other;
    {
        const InstanceLock lock(home.path());
        const InstanceLock another(other.path());
        try {
            const InstanceLock second(home.path());
            FAIL("two in one HOME");
        } catch (const Error& error) {
            CHECK(error.fault() == Fault::busy);
            CHECK(std::string(error.what()).find(std::to_string(::getpid())) != std::string::npos);
        }
    }
    const InstanceLock again(home.path());
}

TEST_CASE("leftovers: exactly our own", "[instance]") {
    Scratch scratch;
    const auto record = scratch / "child.json";
    SECTION("what the record names is ended, with its group's same programs") {
        Sleeper leader;
        Sleeper member(leader.pid());
        record_child(record, leader.pid());
        REQUIRE(std::filesystem::exists(record));
        const auto sentence = clean_leftovers(record);
        REQUIRE(sentence);
        CHECK(sentence->find("2 processes") != std::string::npos);
        CHECK(leader.dies());
        CHECK(member.dies());
        CHECK_FALSE(std::filesystem::exists(record));
        CHECK_FALSE(clean_leftovers(record));
    }
    SECTION("a stranger with the same number is not touched") {
        Sleeper stranger;
        const auto identity = process_identity(stranger.pid());
        for (const auto& [started, executable] : std::vector<std::pair<std::string, std::string>>{
                 {"1" + identity->started, identity->executable}, // began at another time
                 {identity->started, "/somewhere/llama-server"},
                 {identity->started + "x", identity->executable}, // before the last reboot
             }) {
            write_file_atomically(record, "{\"pid\": " + std::to_string(stranger.pid()) +
                                              ", \"started\": \"" + started +
                                              "\", \"executable\": \"" + executable + "\"}");
            CHECK_FALSE(clean_leftovers(record));
            CHECK(stranger.alive());
            CHECK_FALSE(std::filesystem::exists(record));
        }
    }
    SECTION("a record that is none") {
        Sleeper stranger;
        const auto pid = std::to_string(stranger.pid());
        for (const auto& text :
             {std::string(), std::string("{"), std::string("[]"), "{\"pid\": " + pid + "}",
              "{\"pid\": \"" + pid + "\"}",
              std::string("{\"pid\": 1, \"started\": \"a\", \"executable\": \"b\"}"),
              std::string("{\"pid\": -5, \"started\": \"a\", \"executable\": \"b\"}")}) {
            write_file_atomically(record, text);
            CHECK_FALSE(clean_leftovers(record));
        }
        CHECK(stranger.alive());
        CHECK_FALSE(clean_leftovers(scratch / "missing"));
    }
}

TEST_CASE("ports: free, taken, next, whose", "[instance]") {
    const Listener listener;
    CHECK_FALSE(port_is_free("127.0.0.1", listener.port()));
    CHECK_FALSE(port_is_free("localhost", listener.port()));
    CHECK(next_free_port("127.0.0.1", listener.port()).value_or(0) > listener.port());
    CHECK_FALSE(port_is_free("no address", 80));
    CHECK(listens_on(::getpid(), listener.port()) == true);
    Sleeper stranger;
    CHECK(listens_on(stranger.pid(), listener.port()) == false);
    CHECK(listens_on(::getpid(), 1) == false);
}

TEST_CASE("process info: of ourselves", "[instance]") {
    const auto me = process_identity(own_pid());
    REQUIRE(me);
    CHECK(me->executable.find("component_tests") != std::string::npos);
    CHECK(process_identity(own_pid())->started == me->started);
    CHECK_FALSE(process_identity(999'999'999));
    CHECK(memory_ceiling().value_or(0) > 100 * 1024 * 1024);
    CHECK(memory_free().value_or(0) > 0);
    CHECK(group_cpu_ms(::getpgrp()));
    CHECK_FALSE(group_cpu_ms(999'999'999));
}

TEST_CASE("stop signal: the first asks, the second ends at once", "[instance]") {
    CHECK(in_own_process([] {
              const StopSignal stop;
              if (stop.asked()) return 1;
              ::kill(::getpid(), SIGTERM);
              if (!stop.wait(5s)) return 2;
              return stop.asked() ? 0 : 3;
          }) == 0);
    for (const int signal : {SIGINT, SIGHUP}) {
        CHECK(in_own_process([&] {
                  ::signal(signal, SIG_DFL);
                  const StopSignal stop;
                  ::kill(::getpid(), signal);
                  stop.wait();
                  return 0;
              }) == 0);
    }
    Scratch scratch;
    const auto words = scratch / "last-words";
    CHECK(in_own_process([&] {
              ::signal(SIGINT, SIG_DFL);
              StopSignal stop([&] { std::ofstream(words) << "killed the group"; });
              ::kill(::getpid(), SIGINT);
              stop.wait();
              ::kill(::getpid(), SIGINT);
              std::this_thread::sleep_for(10s);
              return 0;
          }) == 130);
    CHECK(read_file(words, 100) == "killed the group");
    CHECK(in_own_process([] { // a broken pipe is an error to handle, not an end
              const StopSignal stop;
              int ends[2];
              if (::pipe(ends) != 0) return 1;
              ::close(ends[0]);
              return ::write(ends[1], "x", 1) < 0 ? 0 : 2;
          }) == 0);
    CHECK(in_own_process([] {
              StopSignal stop;
              stop.ask();
              return stop.wait(1ms) ? 0 : 1;
          }) == 0);
}

TEST_CASE("stop signal: what was ignored stays ignored (nohup, jobs of a script)", "[instance]") {
    for (const int signal : {SIGINT, SIGHUP, SIGTERM}) {
        CHECK(in_own_process([&] {
                  ::signal(signal, SIG_IGN);
                  const StopSignal stop;
                  ::kill(::getpid(), signal);
                  if (stop.wait(200ms)) return 1;
                  ::kill(::getpid(), signal == SIGTERM ? SIGHUP : SIGTERM);
                  return stop.wait(5s) ? 0 : 2;
              }) == 0);
    }
}
