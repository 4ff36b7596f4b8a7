#include "odysseus/platform/memory.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <string>

using namespace odysseus;

#ifdef __linux__
namespace {

long resident_kib() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.rfind("VmRSS:", 0) == 0) return std::stol(line.substr(6));
    }
    return 0;
}

} // namespace

TEST_CASE("memory: what start-up needed is given back, and everything still works") {
    const long before = resident_kib();
    platform::return_unused_memory();
    const long after = resident_kib();
    INFO(before << " KiB before, " << after << " KiB after");
    CHECK(after < before);
    CHECK(std::to_string(42) == "42"); // code that was let go comes back
}
#endif
