#include "odysseus/server/server_log.hpp"

#include "odysseus/base/log.hpp"
#include "odysseus/system/files.hpp"
#include "scratch.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <fcntl.h>
#include <future>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace odysseus;
using namespace odysseus::server;

TEST_CASE("a log is read on from where it was left") {
    ServerLog log({});
    CHECK(log.tail(0).next == 0);
    CHECK(log.tail(0).lines.empty());
    log.add("one");
    log.add("two");
    const auto first = log.tail(0);
    CHECK(first.next == 2);
    CHECK(first.lines == std::vector<std::string>{"one", "two"});
    log.add("three");
    CHECK(log.tail(first.next).lines == std::vector<std::string>{"three"});
    CHECK(log.tail(3).lines.empty());
    CHECK(log.tail(99).lines.empty()); // of another run, perhaps
    CHECK(log.tail(99).next == 3);
}

TEST_CASE("a log that has forgotten lines gives those it has, and counts them all") {
    ServerLog log({});
    for (std::size_t i = 0; i < ServerLog::k_lines_kept + 5; ++i)
        log.add(std::to_string(i));
    const auto all = log.tail(0);
    CHECK(all.next == ServerLog::k_lines_kept + 5);
    CHECK(all.lines.size() == ServerLog::k_lines_kept);
    CHECK(all.lines.front() == "5");
    CHECK(log.tail(all.next - 1).lines == std::vector<std::string>{all.lines.back()});
}

TEST_CASE("a log on a full disk says so once, and goes on keeping lines") {
    const Scratch scratch;
    const auto own = scratch / "own.log";
    log::set_up(log::Level::info, log::Format::text, own);
    // Takes no byte, as a full disk does (Linux).
    {
        ServerLog server("/dev/full");
        for (int i = 0; i < 10; ++i) {
            server.add("line");
            server.flush();
        }
        CHECK(server.recent(20).size() == 10);
    }
    log::set_up(log::Level::info, log::Format::text, std::nullopt);
    const auto said = system::read_file(own, 10'000).value_or("");
    const auto at = said.find("is not written to /dev/full");
    REQUIRE(at != std::string::npos);
    CHECK(said.find("is not written", at + 1) == std::string::npos);
}

TEST_CASE("a log whose disk stalls keeps nobody waiting") {
    // A pipe that nobody reads stands in for it: even opening it waits.
    const Scratch scratch;
    const auto file = scratch / "server.log";
    REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
    std::string read;
    {
        ServerLog server(file);
        for (int i = 0; i < 1000; ++i) {
            server.add("line");
            server.flush();
        }
        CHECK(server.tail(0).next == 1000);
        CHECK(server.recent(10).size() == 10);
        // It comes back, and nothing is lost.
        const int reader = ::open(file.c_str(), O_RDONLY);
        REQUIRE(reader >= 0);
        std::vector<char> block(4096);
        while (read.size() < 5000) {
            const auto got = ::read(reader, block.data(), block.size());
            if (got <= 0) break;
            read.append(block.data(), static_cast<std::size_t>(got));
        }
        ::close(reader);
    }
    CHECK(read.size() == 5000);
}
