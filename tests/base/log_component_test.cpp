#include "odysseus/base/log.hpp"
#include "odysseus/system/files.hpp"
#include "scratch.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

using namespace odysseus;

TEST_CASE("log: levels and formats are known by name, others are refused") {
    CHECK(log::level_from("warn") == log::Level::warn);
    CHECK_FALSE(log::level_from("WARN").has_value());
    CHECK(log::format_from("json") == log::Format::json);
    CHECK_FALSE(log::format_from("xml").has_value());
}

TEST_CASE("log: a line is written at once, a batch when it ends, or when something is wrong") {
    const Scratch scratch;
    const auto file = scratch / "own.log";
    log::set_up(log::Level::info, log::Format::text, file);
    const auto holds = [&](const char* word) {
        return system::read_file(file, 10'000).value_or("").find(word) != std::string::npos;
    };
    log::info("first");
    CHECK(holds("first"));
    {
        const log::Batch batch;
        log::info("second");
        CHECK_FALSE(holds("second"));
        log::warn("third");
        CHECK(holds("second"));
        CHECK(holds("third"));
        log::info("fourth");
    }
    CHECK(holds("fourth"));
    log::set_up(log::Level::info, log::Format::text, std::nullopt);
}

TEST_CASE("log: every line of the JSON format is JSON, whatever bytes it is given") {
    const Scratch scratch;
    const auto file = scratch / "own.log";
    log::set_up(log::Level::info, log::Format::json, file);
    std::vector<std::string> values = {"caf\xc3\xa9", "\xe2\x82\xac \xf0\x9f\x98\x80",
                                       std::string("a\0b", 3), "\"\\\n\x7f\x1b[31m"};
    const auto whole = values.size();
    for (int byte = 0x80; byte < 0x100; ++byte)
        values.push_back(std::string("x") + static_cast<char>(byte) + "y");
    for (const auto* bytes : {"\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc0\xaf", "\xe0\x80\xaf",
                              "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xa9\xc3"})
        values.emplace_back(bytes);
    for (const auto& value : values)
        log::info(value, {{"path", value}});
    log::set_up(log::Level::info, log::Format::text, std::nullopt);
    std::istringstream lines(system::read_file(file, 1'000'000).value_or(""));
    std::string line;
    for (std::size_t i = 0; i < values.size(); ++i) {
        REQUIRE(std::getline(lines, line));
        CAPTURE(line);
        const auto json = nlohmann::json::parse(line, nullptr, false);
        REQUIRE_FALSE(json.is_discarded());
        CHECK(json["message"] == json["path"]);
        if (i < whole)
            CHECK(json["path"] == values[i]);
        else
            CHECK(json["path"].get<std::string>().find("\xef\xbf\xbd") != std::string::npos);
    }
    CHECK_FALSE(std::getline(lines, line));
}
