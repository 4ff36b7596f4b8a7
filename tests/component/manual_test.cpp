// The manual is written by hand; these checks keep it from drifting away from the tables of the
// program.
#include "odysseus/io/verbs.hpp"
#include "odysseus/logic/text.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <sstream>

using namespace odysseus;

namespace {

std::string manual() {
    std::ifstream in(ODYSSEUS_SOURCE "/docs/manual.md");
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

} // namespace

TEST_CASE("manual: has every setting as the table says it") {
    const auto text = manual();
    for (const auto& spec : setting_specs()) {
        std::string flag = spec.flag;
        if (spec.value != nullptr) flag += cat(' ', spec.value);
        if (const auto bar = flag.find('|'); bar != std::string::npos) flag.replace(bar, 1, " or ");
        const auto row = cat("| `", flag, "` | `", spec.environment, "` | ",
                             spec.file_key != nullptr ? cat("`", spec.file_key, "`") : "-", " | ",
                             *spec.fallback != '\0' ? spec.fallback : "-", " | ", spec.help, " |");
        INFO(row);
        CHECK(text.find(row) != std::string::npos);
    }
}

TEST_CASE("manual: has every command and its switches") {
    const auto text = manual();
    for (const auto& spec : io::verb_specs()) {
        if (spec.verb == io::Verb::help) continue;
        INFO(spec.name);
        CHECK(text.find(spec.name) != std::string::npos);
        for (const auto& own : spec.switches)
            CHECK(text.find(own.flag) != std::string::npos);
    }
}
