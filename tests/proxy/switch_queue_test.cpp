#include "proxy/switch_queue.hpp"

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <random>

using namespace odysseus;
using namespace odysseus::proxy;

TEST_CASE("switch queue: one model's requests run side by side") {
    SwitchQueue queue(1);
    const auto a = queue.enter("m");
    const auto b = queue.enter("m");
    CHECK(queue.admitted(a));
    CHECK(queue.admitted(b));
}

TEST_CASE("switch queue: another model waits until nobody uses the first") {
    SwitchQueue queue(1);
    const auto a = queue.enter("one");
    const auto b = queue.enter("one");
    const auto c = queue.enter("two");
    CHECK_FALSE(queue.admitted(c));
    queue.leave(a);
    CHECK_FALSE(queue.admitted(c));
    queue.leave(b);
    CHECK(queue.admitted(c));
    const auto d = queue.enter("one");
    CHECK_FALSE(queue.admitted(d));
}

TEST_CASE("switch queue: who gives up is passed over") {
    SwitchQueue queue(1);
    const auto a = queue.enter("one");
    const auto b = queue.enter("two");
    const auto c = queue.enter("three");
    queue.leave(b);
    queue.leave(a);
    CHECK(queue.admitted(c));
    CHECK(queue.waiting() == 0);
}

TEST_CASE("switch queue: a model in use may pass a waiting one, but not without end") {
    SwitchQueue queue(1);
    auto holder = queue.enter("one");
    const auto waiting = queue.enter("two");
    int passes = 0;
    for (int i = 0; i < 100; ++i) {
        const auto next = queue.enter("one");
        if (!queue.admitted(next)) break;
        ++passes;
        queue.leave(holder); // somebody of "one" is always there
        holder = next;
    }
    CHECK(passes == SwitchQueue::k_passes_max);
    queue.leave(holder);
    CHECK(queue.admitted(waiting));
}

TEST_CASE("switch queue: an idle model is no reason to go past somebody who waits") {
    SwitchQueue queue(2);
    const auto a = queue.enter("one");
    const auto b = queue.enter("two");
    const auto c = queue.enter("three"); // waits for a slot
    queue.leave(b);                      // "two" is idle: "three" takes its place
    CHECK(queue.admitted(c));
    const auto d = queue.enter("two");
    CHECK_FALSE(queue.admitted(d));
    queue.leave(a);
    CHECK(queue.admitted(d));
}

TEST_CASE("switch queue: the least recently used idle model goes first") {
    SwitchQueue queue(2);
    queue.leave(queue.enter("old"));
    queue.leave(queue.enter("new"));
    const auto keep = queue.enter("new");
    const auto third = queue.enter("third"); // "old" goes
    CHECK(queue.admitted(third));
    CHECK(queue.admitted(keep));
}

TEST_CASE("switch queue: with no limit nobody waits") {
    SwitchQueue queue(0);
    for (int i = 0; i < 50; ++i)
        CHECK(queue.admitted(queue.enter(std::to_string(i))));
}

TEST_CASE("switch queue: whatever happens, never more models at once than allowed, and nobody is "
          "forgotten") {
    std::mt19937 random(11);
    for (std::size_t models_max = 1; models_max <= 3; ++models_max) {
        SwitchQueue queue(models_max);
        std::map<SwitchQueue::Ticket, std::string> alive;
        for (int step = 0; step < 5000; ++step) {
            if (random() % 2 == 0 || alive.empty()) {
                const std::string model(1, static_cast<char>('a' + random() % 5));
                alive.emplace(queue.enter(model), model);
            } else {
                auto victim = alive.begin();
                std::advance(victim, random() % alive.size());
                queue.leave(victim->first);
                alive.erase(victim);
            }
            std::map<std::string, int> in_use;
            for (const auto& [ticket, model] : alive) {
                if (queue.admitted(ticket)) ++in_use[model];
            }
            REQUIRE(in_use.size() <= models_max);
            REQUIRE((alive.empty() || !in_use.empty())); // somebody always runs
        }
        while (!alive.empty()) { // those that run finish: everyone gets a turn
            auto runs = alive.begin();
            while (runs != alive.end() && !queue.admitted(runs->first))
                ++runs;
            REQUIRE(runs != alive.end());
            queue.leave(runs->first);
            alive.erase(runs);
        }
        CHECK(queue.waiting() == 0);
    }
}

TEST_CASE("switch queue: who wants a model alone waits for its users and holds up nobody") {
    SwitchQueue queue(1);
    const auto a = queue.enter("one");
    const auto alone = queue.enter("one", true);
    const auto b = queue.enter("one");
    CHECK_FALSE(queue.admitted(alone));
    CHECK(queue.admitted(b));
    queue.leave(a);
    CHECK_FALSE(queue.admitted(alone));
    queue.leave(b);
    CHECK(queue.admitted(alone));
    const auto c = queue.enter("one");
    const auto d = queue.enter("two");
    CHECK_FALSE(queue.admitted(c));
    CHECK_FALSE(queue.admitted(d));
    CHECK(queue.leave(alone) == std::vector<SwitchQueue::Ticket>{c});
    CHECK(queue.admitted(c));
    queue.leave(c);
    CHECK(queue.admitted(d));
}

TEST_CASE("switch queue: a model that nobody has used is had alone at once") {
    SwitchQueue queue(0);
    const auto a = queue.enter("one");
    const auto alone = queue.enter("two", true);
    CHECK(queue.admitted(alone));
    CHECK(queue.enter("one") != a);
    queue.leave(alone);
    CHECK(queue.running() == 2);
    const auto first = queue.enter("one", true);
    const auto second = queue.enter("one", true);
    queue.leave(first);
    CHECK_FALSE(queue.admitted(second));
    CHECK(queue.waiting() == 1);
}
