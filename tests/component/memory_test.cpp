#include "odysseus/platform/memory.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

using namespace odysseus;

#ifdef __linux__
namespace {

long status_kib(const std::string& field) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(field + ":")) return std::stol(line.substr(field.size() + 1));
    }
    return 0;
}

} // namespace

// Code that a debugger or a probe has changed, or whose drive was pulled, would not come back.
TEST_CASE("memory: freed memory is given back, mapped code stays") {
    auto blocks = std::vector<std::string>(10'000, std::string(1000, 'x'));
    // Without one that stays behind them, free() alone would cut the heap's end off.
    const auto last = std::move(blocks.back());
    blocks.clear();
    const long heap = status_kib("RssAnon");
    const long code = status_kib("RssFile");
    platform::return_unused_memory();
    CHECK(status_kib("RssAnon") < heap - 5'000);
    CHECK(status_kib("RssFile") >= code);
    CHECK(last.size() == 1000);
}
#endif
