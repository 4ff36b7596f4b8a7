#include "odysseus/log.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;

TEST_CASE("log: levels and formats are known by name, others are refused") {
    CHECK(log::level_from("warn") == log::Level::warn);
    CHECK_FALSE(log::level_from("WARN").has_value());
    CHECK(log::format_from("json") == log::Format::json);
    CHECK_FALSE(log::format_from("xml").has_value());
}
