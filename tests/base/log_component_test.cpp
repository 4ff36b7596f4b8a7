#include "odysseus/base/log.hpp"
#include "odysseus/system/files.hpp"
#include "scratch.hpp"

#include <catch2/catch_test_macros.hpp>

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
        return platform::read_file(file, 10'000).value_or("").find(word) != std::string::npos;
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
