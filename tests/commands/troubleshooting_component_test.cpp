// docs/troubleshooting.md is written by hand; this keeps its table in step with the findings.
#include "commands/findings.hpp"
#include "odysseus/base/text.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <sstream>

using namespace odysseus;
using namespace odysseus::commands;

TEST_CASE("troubleshooting: has a row for every finding, and none for what there is not") {
    std::ifstream in(ODYSSEUS_SOURCE "/docs/troubleshooting.md");
    std::ostringstream text;
    text << in.rdbuf();
    const auto page = text.str();
    for (const char* code : finding_codes()) {
        INFO(code);
        CHECK(page.find(concat("\n| `", code, "` | ")) != std::string::npos);
    }
    std::size_t rows = 0;
    for (const char* severity : {"blocks", "warns", "notes"}) {
        for (std::size_t at = 0;
             (at = page.find(concat("` | ", severity), at)) != std::string::npos; ++at) {
            ++rows;
        }
    }
    CHECK(rows == finding_codes().size());
}
