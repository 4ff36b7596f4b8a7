#include "odysseus/system/file_lock.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/instance_lock.hpp"
#include "scratch.hpp"

#include <catch2/catch_test_macros.hpp>

#include <future>
#include <thread>

using namespace odysseus;
using namespace odysseus::system;
using namespace std::chrono_literals;

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
    write_file_atomically(scratch / "file", "");
    CHECK_THROWS_AS(FileLock::try_lock(scratch / "file/lock"), Error);
}

TEST_CASE("file_lock: asking whether it is held makes nothing and writes nothing") {
    const Scratch scratch;
    const auto file = scratch / "lock";
    CHECK_FALSE(FileLock::is_held(file));
    CHECK_FALSE(std::filesystem::exists(file));
    write_file_atomically(file, "7\n");
    CHECK_FALSE(FileLock::is_held(file));
    CHECK(FileLock::owner(file) == 7);
    const auto held = FileLock::try_lock(file);
    CHECK(FileLock::is_held(file));
}

TEST_CASE("file_lock: a start waits for one that is held for a moment, and only so long") {
    const Scratch scratch;
    auto moment = FileLock::try_lock(scratch / "data/odysseus.lock");
    std::thread asking([&] {
        std::this_thread::sleep_for(30ms);
        moment.reset();
    });
    CHECK_NOTHROW(InstanceLock(scratch.path()));
    asking.join();
    const auto other = FileLock::try_lock(scratch / "data/odysseus.lock");
    CHECK_THROWS_AS(InstanceLock(scratch.path()), Error);
}
