#include "odysseus/system/heap.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <string>

using namespace odysseus;
using namespace odysseus::system;

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
TEST_CASE("memory: mapped code stays when unused memory is given back") {
    const long code = status_kib("RssFile");
    CHECK(code > 0);
    return_unused_memory();
    CHECK(status_kib("RssFile") >= code);
}
#endif
