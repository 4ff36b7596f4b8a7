#include "odysseus/server/ladder.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::memory;
using namespace odysseus::server;
using namespace std::chrono_literals;
using Phase = Lifecycle::Phase;

namespace {

constexpr std::int64_t k_gib = 1024LL * 1024 * 1024;

OutOfMemory asked(std::optional<std::int64_t> bytes = std::nullopt) {
    return {"refused", bytes, "CPU"};
}

template <class Expected>
const Expected& as(const ContextReduction::Step& step) {
    REQUIRE(std::holds_alternative<Expected>(step));
    return std::get<Expected>(step);
}
template <class Expected>
Expected act(const Lifecycle::Action& action) {
    REQUIRE(std::holds_alternative<Expected>(action));
    return std::get<Expected>(action);
}

} // namespace

TEST_CASE("rungs: the next one below", "[ladder]") {
    for (const auto& [from, to] :
         std::vector<std::pair<std::int64_t, std::int64_t>>{{131072, 32768},
                                                            {32769, 32768},
                                                            {32768, 24576},
                                                            {24576, 16384},
                                                            {20000, 16384},
                                                            {16384, 12288},
                                                            {12288, 8192},
                                                            {8192, 4096},
                                                            {4096, 2048},
                                                            {2049, 2048}}) {
        CHECK(rung_below(from) == to);
    }
    CHECK_FALSE(rung_below(2048));
    CHECK_FALSE(rung_below(512));
}

TEST_CASE("rungs: those that certainly cannot hold are passed over", "[ladder]") {
    struct Row {
        std::int64_t present;
        std::optional<std::int64_t> asked;
        std::optional<std::int64_t> ceiling;
        std::optional<std::int64_t> next;
    };
    for (const auto& row : std::vector<Row>{
             {32768, 4 * k_gib, 3 * k_gib, 24576},     // 3 GiB may just be had
             {32768, 4 * k_gib, 3 * k_gib - 1, 16384}, // 3 GiB cannot
             {32768, 4 * k_gib, k_gib, 8192},
             {32768, 4 * k_gib, k_gib / 1000, 2048}, // never over the last one
             {32768, 4 * k_gib, std::nullopt, 24576},
             {32768, std::nullopt, k_gib, 24576},
             {131072, 16 * k_gib, 5 * k_gib, 32768},
             {2048, 4 * k_gib, k_gib, std::nullopt},
             {32768, 45'000'000, 3 * k_gib, 24576}, // a small one was refused: it was nearly there
             {0, 4 * k_gib, k_gib, std::nullopt},
         }) {
        CAPTURE(row.present, row.asked.value_or(0), row.ceiling.value_or(0));
        CHECK(rung_that_can_hold(row.present, row.asked, row.ceiling) == row.next);
    }
}

TEST_CASE("descent: down to what holds", "[ladder]") {
    ContextReduction descent("m", 32768);
    CHECK(as<ContextReduction::Try>(descent.failed(asked(4 * k_gib), 1'200'000'000)).context ==
          8192);
    CHECK(as<ContextReduction::Try>(descent.failed(asked(k_gib), 1'200'000'000)).context == 4096);
    CHECK(descent.context() == 4096);
    CHECK(descent.origin() == 32768);
    CHECK(descent.tried() == std::vector<std::int64_t>{32768, 8192});
    CHECK(descent.first_failure()->bytes == 4 * k_gib);
}

TEST_CASE("descent: a pin that is no rung", "[ladder]") {
    ContextReduction descent("m", 20000);
    CHECK(as<ContextReduction::Try>(descent.failed(asked(), std::nullopt)).context == 16384);
}

TEST_CASE("descent: nothing holds", "[ladder]") {
    ContextReduction descent("m", 8192);
    (void)descent.failed(asked(4), std::nullopt);
    (void)descent.failed(asked(2), std::nullopt);
    CHECK(as<ContextReduction::Exhausted>(descent.failed(asked(1), std::nullopt)).last.bytes == 1);
    CHECK(descent.tried() == std::vector<std::int64_t>{8192, 4096, 2048});
    ContextReduction last("m", 2048);
    (void)as<ContextReduction::Exhausted>(last.failed(asked(), std::nullopt));
}

TEST_CASE("descent: a suspicion costs one rung, once", "[ladder]") {
    const Suspicion silent{"no word"};
    ContextReduction descent("m", 32768);
    CHECK(as<ContextReduction::Try>(descent.failed(silent, std::nullopt)).context == 24576);
    SECTION("dies there too: not memory") {
        CHECK(as<ContextReduction::NotMemory>(descent.failed(silent, std::nullopt)).reason ==
              "no word");
    }
    SECTION("memory after all: the way down as usual") {
        CHECK(as<ContextReduction::Try>(descent.failed(asked(), std::nullopt)).context == 16384);
        SECTION("and a new silence is a new suspicion") {
            CHECK(as<ContextReduction::Try>(descent.failed(silent, std::nullopt)).context == 12288);
            (void)as<ContextReduction::NotMemory>(descent.failed(silent, std::nullopt));
        }
    }
    SECTION("another cause shows: not memory") {
        CHECK(as<ContextReduction::NotMemory>(descent.failed(OtherCause{"bad file"}, std::nullopt))
                  .reason == "bad file");
    }
    SECTION("no rung below") {
        ContextReduction low("m", 2048); // whatever it was may have passed: once more
        CHECK(as<ContextReduction::Try>(low.failed(silent, std::nullopt)).context == 2048);
        (void)as<ContextReduction::NotMemory>(low.failed(silent, std::nullopt));
        CHECK(low.tried() == std::vector<std::int64_t>{2048});
        ContextReduction pinned("m", 512);
        CHECK(as<ContextReduction::Try>(pinned.failed(silent, std::nullopt)).context == 512);
        (void)as<ContextReduction::Exhausted>(pinned.failed(asked(), std::nullopt));
        ContextReduction proven("m", 4096);
        (void)proven.failed(asked(), std::nullopt);
        (void)as<ContextReduction::Exhausted>(proven.failed(silent, std::nullopt));
    }
}

TEST_CASE("lifecycle: start, serve, stop", "[ladder]") {
    Lifecycle life(32768, {});
    const auto start = act<Lifecycle::StartAt>(life.start());
    CHECK(start.context == 32768);
    CHECK(start.generation == 1);
    CHECK(start.delay == 0ms);
    CHECK(life.phase() == Phase::starting);
    act<Lifecycle::Nothing>(life.start());
    act<Lifecycle::Serve>(life.ready(false));
    CHECK(life.phase() == Phase::serving);
    act<Lifecycle::Nothing>(life.ready(false)); // said twice
    act<Lifecycle::Nothing>(life.held());
    act<Lifecycle::Nothing>(life.due());
    act<Lifecycle::Stop>(life.stop());
    act<Lifecycle::Nothing>(life.stop());
    act<Lifecycle::Nothing>(life.exited(0ms)); // as asked
    act<Lifecycle::Nothing>(life.step(1, 24576));
    act<Lifecycle::Nothing>(life.ready(false));
    CHECK(life.phase() == Phase::stopping);
}

TEST_CASE("lifecycle: a first start that fails is the end of it", "[ladder]") {
    Lifecycle life(32768, {});
    (void)life.start();
    CHECK_FALSE(act<Lifecycle::Fail>(life.exited(0ms)).retry_in);
    CHECK(life.phase() == Phase::failed);
    act<Lifecycle::Nothing>(life.due());
    act<Lifecycle::Nothing>(life.exited(1ms));
    act<Lifecycle::Stop>(life.stop());
}

TEST_CASE("lifecycle: generations make two failures cost one step", "[ladder]") {
    Lifecycle life(32768, {});
    (void)life.start();
    act<Lifecycle::Nothing>(life.step(1, 24576)); // nobody can have asked it anything yet
    (void)life.ready(false);
    const auto step = act<Lifecycle::StartAt>(life.step(1, 24576));
    CHECK(step.context == 24576);
    CHECK(step.generation == 2);
    CHECK(life.phase() == Phase::restarting);
    act<Lifecycle::Nothing>(life.step(1, 24576)); // the second report of the same
    act<Lifecycle::Nothing>(life.step(2, 16384)); // not even ready
    act<Lifecycle::Prove>(life.ready(true));
    CHECK(life.phase() == Phase::proving);
    act<Lifecycle::Nothing>(life.step(1, 16384));
    CHECK(act<Lifecycle::StartAt>(life.step(2, 16384)).generation == 3);
    act<Lifecycle::Prove>(life.ready(true));
    act<Lifecycle::Serve>(life.held());
    CHECK(life.context() == 16384);
}

TEST_CASE("lifecycle: restarts back off, fail, and come back", "[ladder]") {
    Lifecycle::Limits limits;
    limits.failures_max = 3;
    limits.window = 60s;
    limits.delay_first = 250ms;
    limits.cool_down = 10s;
    Lifecycle life(8192, limits);
    (void)life.start();
    (void)life.ready(false);
    CHECK(act<Lifecycle::StartAt>(life.exited(1s)).delay == 0ms);   // at once
    CHECK(act<Lifecycle::StartAt>(life.exited(2s)).delay == 250ms); // before it was ready
    (void)life.ready(false);
    const auto third = act<Lifecycle::StartAt>(life.exited(3s));
    CHECK(third.delay == 500ms);
    CHECK(third.context == 8192);
    (void)life.ready(false);
    CHECK(act<Lifecycle::Fail>(life.exited(4s)).retry_in == 10s);
    CHECK(life.phase() == Phase::failed);
    act<Lifecycle::Nothing>(life.step(life.generation(), 4096));
    act<Lifecycle::Nothing>(life.ready(false));
    (void)act<Lifecycle::StartAt>(life.due());
    CHECK(act<Lifecycle::Fail>(life.exited(15s)).retry_in == 10s); // still within the window
    (void)life.due();
    act<Lifecycle::Serve>(life.ready(false));
    CHECK(act<Lifecycle::StartAt>(life.exited(10min)).delay == 0ms); // all forgotten
}

TEST_CASE("lifecycle: a server that dies while a model is proved is started again", "[ladder]") {
    Lifecycle life(8192, {});
    (void)life.start();
    (void)life.ready(false);
    (void)life.step(1, 4096);
    (void)life.ready(true);
    CHECK(act<Lifecycle::StartAt>(life.exited(1s)).context == 4096);
    act<Lifecycle::Prove>(life.ready(true));
}

// Every phase against every event: what must hold whatever happens.
TEST_CASE("lifecycle: invariants over all short histories", "[ladder]") {
    constexpr int k_events = 8;
    constexpr int k_depth = 6;
    const auto apply = [](Lifecycle& life, int event) -> Lifecycle::Action {
        switch (event) {
        case 0: return life.start();
        case 1: return life.ready(false);
        case 2: return life.ready(true);
        case 3: return life.held();
        case 4: return life.step(life.generation(), 4096);
        case 5: return life.exited(1s);
        case 6: return life.due();
        default: return life.stop();
        }
    };
    int histories = 1;
    for (int i = 0; i < k_depth; ++i)
        histories *= k_events;
    bool good = true;
    for (int code = 0; code < histories && good; ++code) {
        Lifecycle life(8192, {});
        bool stopped = false;
        for (int i = 0, rest = code; i < k_depth; ++i, rest /= k_events) {
            const auto generation = life.generation();
            const auto action = apply(life, rest % k_events);
            const bool started = std::holds_alternative<Lifecycle::StartAt>(action);
            // A start and a new number go together, and there is no start after a stop.
            good = good && started == (life.generation() == generation + 1);
            good = good && !(stopped && !std::holds_alternative<Lifecycle::Nothing>(action));
            good = good && std::holds_alternative<Lifecycle::Serve>(action) <=
                               (life.phase() == Phase::serving);
            stopped = stopped || life.phase() == Phase::stopping;
            good = good && stopped == (life.phase() == Phase::stopping);
        }
        if (!good) FAIL("history " << code);
    }
    CHECK(good);
}

TEST_CASE("descent: without free memory the same context is tried once more, then it steps",
          "[ladder]") {
    ContextReduction descent("m", 32768);
    const NoFreeMemory none{"invalid vector subscript"};
    const auto first = descent.failed(none, std::nullopt);
    REQUIRE(std::holds_alternative<ContextReduction::Try>(first));
    CHECK(std::get<ContextReduction::Try>(first).context == 32768);
    CHECK(descent.waits_for_memory());
    for (const std::int64_t rung : {24576, 16384, 12288, 8192, 4096, 2048}) {
        const auto next = descent.failed(none, std::nullopt);
        REQUIRE(std::holds_alternative<ContextReduction::Try>(next));
        CHECK(std::get<ContextReduction::Try>(next).context == rung);
        CHECK_FALSE(descent.waits_for_memory());
    }
    CHECK(std::holds_alternative<ContextReduction::Exhausted>(descent.failed(none, std::nullopt)));
}
