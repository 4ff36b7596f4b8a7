// The lines are b11669's own: tests/data/llama-logs/b11669-router-oom.stdout.log, and one long
// answer of the toy model.
#include "odysseus/server/token_meter.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

using namespace odysseus;
using namespace odysseus::server;

namespace {

constexpr const char* k_at = "0.03.052.111 I slot print_timing: id  0 | task ";

std::string progress(int port, int task, int tokens) {
    return "[" + std::to_string(port) + "] " + k_at + std::to_string(task) +
           " | n_gen =   " + std::to_string(tokens) + ", tg = 1019.16 t/s, tg_3s = 1019.49 t/s";
}

std::string end(int port, int task, int tokens) {
    return "[" + std::to_string(port) + "] " + k_at + std::to_string(task) +
           " |        eval time =   60361.24 ms / " + std::to_string(tokens) +
           " tokens (    3.77 ms per token,   265.05 tokens per second)";
}

} // namespace

TEST_CASE("token meter: a long answer counts as it comes, and once") {
    TokenMeter meter;
    CHECK_FALSE(meter.count().known);
    meter.take(progress(33601, 0, 3059));
    CHECK(meter.count().generated == 3059);
    meter.take(progress(33601, 0, 4526));
    CHECK(meter.count().generated == 4526);
    meter.take(end(33601, 0, 5000));
    CHECK(meter.count().generated == 5000);
    meter.take(end(33601, 7, 400)); // a short one has but its end
    CHECK(meter.count().generated == 5400);
    CHECK(meter.count().known);
}

TEST_CASE("token meter: answers side by side, in one process and in two") {
    TokenMeter meter;
    meter.take(progress(1001, 5, 100));
    meter.take(progress(1001, 6, 10));
    meter.take(progress(1002, 5, 1));
    meter.take(end(1001, 6, 20));
    meter.take(end(1001, 5, 200));
    meter.take(end(1002, 5, 2));
    CHECK(meter.count().generated == 222);
}

TEST_CASE("token meter: a new process on the same port begins anew") {
    TokenMeter meter;
    meter.take(progress(1001, 0, 100)); // and it died
    meter.take(progress(1001, 0, 30));
    meter.take(end(1001, 0, 40));
    CHECK(meter.count().generated == 140);
}

TEST_CASE("token meter: an answer that was cut off counts as far as was said") {
    TokenMeter meter;
    meter.take(progress(1001, 0, 100));
    meter.take(
        "[1001] 0.00.329.264 I slot      release: id  0 | task 0 | stop processing: n_tokens "
        "= 101, truncated = 0");
    meter.take(end(1001, 0, 5)); // the number, used again
    CHECK(meter.count().generated == 105);
}

TEST_CASE("token meter: prompts are counted apart; look-alikes count nothing") {
    TokenMeter meter;
    for (const char* line :
         {"[33583] 0.00.124.401 I slot print_timing: id  0 | task 0 |       total time =       "
          "7.69 ms /    30 tokens",
          "[33583] 0.00.124.402 I slot print_timing: id  0 | task 0 |    graphs reused =          "
          "3",
          "[33583] 0.00.124.403 I slot print_timing: id  0 | task 0 |   graph reallocs =          "
          "0    /     0        (same size) / (changed size)",
          "[5] 0.00.286.061 I slot get_availabl: id  0 | task -1 | selected slot by LRU, n_tokens "
          "= 0, t_last = -1",
          "eval time = 4.08 ms / 4 tokens (1 ms per token)", " | task 1", " | task 1 | n_gen =",
          " | task 1 | n_gen = many", " | task 1 | eval time = 1 ms / -4 tokens (", ""}) {
        meter.take(line);
        INFO(line);
        CHECK_FALSE(meter.count().known);
    }
    meter.take(
        "[33583] 0.00.124.392 I slot print_timing: id  0 | task 0 | prompt eval time =       "
        "3.61 ms /    26 tokens (    0.14 ms per token,  7196.24 tokens per second)");
    CHECK(meter.count().prompt == 26);
    CHECK(meter.count().generated == 0);
}

TEST_CASE("token meter: what never ends is forgotten, not kept for ever") {
    TokenMeter meter;
    for (int task = 0; task < 5000; ++task)
        meter.take(progress(1001, task, 1));
    CHECK(meter.count().generated == 5000);
}
