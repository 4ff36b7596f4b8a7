#include "odysseus/memory/fit_report.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::memory;

TEST_CASE(
    "fit report: the lines of llama-fit-params b11669, and nothing that only looks like them") {
    const auto one = parse_fit_report("Host 0 1024 16 \n");
    REQUIRE(one);
    CHECK(one->front().device == "Host");
    CHECK(one->front().context_mib == 1024);
    CHECK(one->front().compute_mib == 16);

    const auto two = parse_fit_report("0.00.1 I loading\nCUDA0 4403 1024 296\nHost 410 0 24\n");
    REQUIRE(two);
    CHECK(two->size() == 2);
    const FitComparison comparison{"m", 8192, 1024.0, *two, ""};
    CHECK(comparison.their_context_mib() == 1024);

    for (const char* other :
         {"", "-c 8192 -ngl 0\n", "CUDA0 a b c", "CUDA0 1 2", "CUDA0 1 2 -3", "a b c d e"}) {
        CHECK_FALSE(parse_fit_report(other).has_value());
    }
}
