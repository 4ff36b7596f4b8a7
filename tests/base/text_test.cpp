#include "odysseus/base/text.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;

TEST_CASE("text: integers must be whole and fit") {
    CHECK(parsed_int("32768") == 32768);
    CHECK(parsed_int("-1") == -1);
    for (const char* bad : {"", " 1", "1 ", "1k", "0x10", "+1", "1.0", "99999999999999999999"}) {
        CHECK_FALSE(parsed_int(bad).has_value());
    }
}

TEST_CASE("text: numbers are read with a point, whatever the locale") {
    CHECK(parsed_number("13.5") == 13.5);
    CHECK(parsed_number("-2") == -2.0);
    for (const char* bad : {"", "1,5", "nan", "inf", "1.5 GiB", "1e999", "."}) {
        CHECK_FALSE(parsed_number(bad).has_value());
    }
}

TEST_CASE("text: lines end with LF or CRLF") {
    CHECK(lines_of("a\r\nb\n\nc") == std::vector<std::string_view>{"a", "b", "", "c"});
    CHECK(lines_of("").empty());
    CHECK(split("a,,b", ',') == std::vector<std::string_view>{"a", "", "b"});
}

TEST_CASE("text: UTF-8 is told from what only looks like it") {
    for (const char* good :
         {"", "plain", "\xC3\xA9", "\xE2\x96\x81", "\xF0\x9F\x98\x80", "\xEF\xBF\xBD"}) {
        CHECK(is_utf8(good));
    }
    for (const char* bad : {"\xE9", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                            "\xF0\x8F\xBF\xBF", "\xC3", "\xE2\x96", "a\x80", "\xFF"}) {
        CHECK_FALSE(is_utf8(bad));
    }
}

TEST_CASE("text: the value of a key is the first line's, trimmed") {
    const auto text = "MemTotal:  12 kB\n Model name :\tx: y \r\nMemTotal: 13\nEmpty:\n";
    CHECK(value_of_key(text, "MemTotal") == "12 kB");
    CHECK(value_of_key(text, "Model name") == "x: y");
    CHECK(value_of_key(text, "Empty") == "");
    CHECK_FALSE(value_of_key(text, "Mem").has_value());
    CHECK_FALSE(value_of_key("", "").has_value());
}

TEST_CASE("text: bytes read well") {
    CHECK(byte_text(0) == "0 B");
    CHECK(byte_text(1023) == "1023 B");
    CHECK(byte_text(1024) == "1.0 KiB");
    CHECK(byte_text(5LL * 1024 * 1024 * 1024 / 2) == "2.5 GiB");
}

TEST_CASE("text: the nearest names come first, far ones not at all") {
    const std::vector<std::string> known{"Qwen3-8B", "llama-3.1-8b", "gemma-3-12b"};
    CHECK(nearest("qwen3-8", known) == std::vector<std::string>{"Qwen3-8B"});
    CHECK(nearest("lama-3.1-8b", known).front() == "llama-3.1-8b");
    CHECK(nearest("completely-different-name", known).empty());
}
