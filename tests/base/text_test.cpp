#include "odysseus/base/text.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <ctime>
#include <string>
#include <vector>

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

namespace {

// By its definition, as slowly as it gets.
std::size_t distance_by_definition(std::string_view a, std::string_view b) {
    if (a.empty()) return b.size();
    if (b.empty()) return a.size();
    if (a.front() == b.front()) return distance_by_definition(a.substr(1), b.substr(1));
    return 1 + std::min({distance_by_definition(a.substr(1), b.substr(1)),
                         distance_by_definition(a.substr(1), b),
                         distance_by_definition(a, b.substr(1))});
}

} // namespace

TEST_CASE("text: near is an edit distance of two, or of a third of the word") {
    const std::vector<std::string> words{"a",   "abc",    "abd",   "bca",    "aabb",  "abab",
                                         "xyz", "abcdef", "bcdef", "fedcba", "abxdef"};
    for (const auto& word : words) {
        for (const auto& other : words) {
            CAPTURE(word, other);
            const bool part = other.find(word) != std::string::npos;
            const bool near =
                distance_by_definition(word, other) <= std::max<std::size_t>(2, word.size() / 3);
            CHECK(nearest(word, {other}).empty() == !(near || part));
        }
    }
    const std::string long_name(64, 'x');
    CHECK(nearest(long_name, {long_name + "-Q4_K_M"}).size() == 1);
    CHECK(nearest(long_name.substr(0, 63) + "y", {long_name}).size() == 1);
    CHECK(nearest(std::string(64, 'y'), {long_name}).empty());
}

TEST_CASE("text: a name as long as may be, among many, costs next to nothing") {
    std::vector<std::string> known;
    for (int i = 0; i < 600; ++i)
        known.push_back(std::string(200, 'a') + std::to_string(i));
    const auto begin = std::clock();
    constexpr int k_times = 10;
    for (int i = 0; i < k_times; ++i)
        CHECK(nearest(std::string(256, 'b'), known).empty());
    const double each_ms =
        1000.0 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC / k_times;
    CHECK(each_ms < 20); // 2 in a debug build; by tables of all pairs 1,500
}
