#include "odysseus/platform/file_lock.hpp"

#include "odysseus/error.hpp"
#include "odysseus/platform/files.hpp"
#include "scratch.hpp"

#include <catch2/catch_test_macros.hpp>

#include <future>

using namespace odysseus;
using namespace std::chrono_literals;
using platform::FileLock;

TEST_CASE("file_lock: one holds it, the next gets it when the first lets go") {
    const Scratch scratch;
    const auto file = scratch / "deep/er/lock";
    auto first = FileLock::try_lock(file);
    REQUIRE(first);
    CHECK(FileLock::owner(file).value_or(0) > 1);
    CHECK_FALSE(FileLock::try_lock(file));
    auto moved = std::move(*first);
    first.reset();
    CHECK_FALSE(FileLock::try_lock(file)); // the moved-to owner still holds it
    std::promise<void> waiting;
    auto second = std::async(std::launch::async, [&] {
        return FileLock::wait_lock(file, 10s, [&](auto) { waiting.set_value(); }, {});
    });
    waiting.get_future().wait();
    { const auto gone = std::move(moved); }
    CHECK(second.get());
}

TEST_CASE("file_lock: waiting ends at its limit and when it is stopped, and names the owner once") {
    const Scratch scratch;
    const auto held = FileLock::try_lock(scratch / "lock");
    int told = 0;
    const auto tell = [&](std::optional<std::int64_t> owner) { told += owner ? 1 : 100; };
    CHECK_FALSE(FileLock::wait_lock(scratch / "lock", 40ms, tell, {}));
    CHECK(told == 1);
    CHECK_FALSE(FileLock::wait_lock(scratch / "lock", 1h, {}, [] { return true; }));
}

TEST_CASE("file_lock: a lock that cannot be made is an error, not a wait") {
    const Scratch scratch;
    platform::write_file_atomically(scratch / "file", "");
    CHECK_THROWS_AS(FileLock::try_lock(scratch / "file/lock"), Error);
}
