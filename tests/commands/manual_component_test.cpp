// The manual is written by hand; these checks keep it from drifting away from the tables of the
// program.
#include "odysseus/base/text.hpp"
#include "settings/verbs.hpp"

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
    for (const auto& spec : settings::setting_specs()) {
        std::string flag = spec.flag;
        if (spec.value != nullptr) flag += concat(' ', spec.value);
        if (const auto last = flag.rfind('|'); last != std::string::npos)
            flag.replace(last, 1, " or ");
        while (flag.find('|') != std::string::npos)
            flag.replace(flag.find('|'), 1, ", ");
        const auto row =
            concat("| `", flag, "` | `", spec.environment, "` | ",
                   spec.file_key != nullptr ? concat("`", spec.file_key, "`") : "-", " | ",
                   *spec.fallback != '\0' ? spec.fallback : "-", " | ", spec.help, " |");
        INFO(row);
        CHECK(text.find(row) != std::string::npos);
    }
}

TEST_CASE("manual: has every command as the table says it, and its switches") {
    const auto text = manual();
    for (const auto& spec : settings::verb_specs()) {
        if (spec.verb == settings::Verb::help) continue;
        std::string usage = concat("    odysseus ", spec.usage);
        if (usage.ends_with(" [options]")) usage.resize(usage.size() - 10);
        INFO(usage);
        CHECK(text.find(usage) != std::string::npos);
        for (const auto& own : spec.switches)
            CHECK(text.find(own.flag) != std::string::npos);
    }
}

TEST_CASE("manual: has every exit code as the table says it, and no other") {
    const auto text = manual();
    for (const auto& [code, meaning] : settings::exit_meanings()) {
        const auto row = concat("| ", code, " | ", meaning, " |");
        INFO(row);
        CHECK(text.find(row) != std::string::npos);
    }
    CHECK(text.find(concat("| ", settings::exit_meanings().size(), " |")) == std::string::npos);
}

TEST_CASE("manual page: has every flag, variable, key, command, switch and exit code") {
    const auto page = settings::help_text("man");
    const auto has = [&page](std::string_view word) {
        std::string escaped;
        for (const char c : word)
            escaped += c == '-' ? std::string("\\-") : std::string(1, c);
        INFO(escaped);
        CHECK(page.find(escaped) != std::string::npos);
    };
    for (const auto& spec : settings::setting_specs()) {
        for (const char* word : {spec.flag, spec.environment, spec.file_key, spec.help})
            if (word != nullptr) has(word);
    }
    for (const auto& spec : settings::verb_specs()) {
        has(spec.usage);
        for (const auto& own : spec.switches)
            has(own.flag);
    }
    for (const auto& [code, meaning] : settings::exit_meanings())
        has(meaning);
}
