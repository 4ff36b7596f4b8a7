#include "odysseus/service/model_gate.hpp"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <thread>
#include <vector>

using namespace odysseus;
using namespace std::chrono_literals;

TEST_CASE("model gate: a deadline and a client that gave up end the wait") {
    ModelGate gate(1);
    const auto held = gate.enter("one", 1s, {});
    REQUIRE(held);
    CHECK_FALSE(gate.enter("two", 20ms, {}));
    CHECK_FALSE(gate.enter("two", 10s, [] { return true; }));
    CHECK(gate.waiting() == 0);
}

TEST_CASE("model gate: letting go lets the next one in") {
    ModelGate gate(1);
    auto held = gate.enter("one", 1s, {});
    std::atomic<bool> in = false;
    std::thread other([&] {
        const auto pass = gate.enter("two", 10s, {});
        in = static_cast<bool>(pass);
    });
    while (gate.waiting() == 0)
        std::this_thread::yield();
    CHECK_FALSE(in);
    held = {};
    other.join();
    CHECK(in);
}

TEST_CASE("model gate: many threads and models, never two models at once") {
    ModelGate gate(1);
    std::atomic<int> users[3] = {};
    std::atomic<int> served = 0;
    std::atomic<bool> mixed = false;
    std::vector<std::thread> threads;
    for (int i = 0; i < 12; ++i) {
        threads.emplace_back([&, i] {
            for (int round = 0; round < 50; ++round) {
                const int mine = (i + round) % 3;
                const auto pass =
                    gate.enter(std::string(1, static_cast<char>('a' + mine)), 30s, {});
                if (!pass) return;
                ++users[mine];
                for (int k = 0; k < 3; ++k) {
                    if (k != mine && users[k] > 0) mixed = true;
                }
                --users[mine];
                ++served;
            }
        });
    }
    for (auto& thread : threads)
        thread.join();
    CHECK(served == 600);
    CHECK_FALSE(mixed);
}
