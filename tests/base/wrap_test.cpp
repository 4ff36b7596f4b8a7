#include "odysseus/base/wrap.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;

TEST_CASE("wrap: rows end between words, never in one") {
    CHECK(wrapped("one two three", 9, 2, 0) == "one two\n  three");
    CHECK(wrapped("one two three", 13, 2, 0) == "one two three");
    CHECK(wrapped("one two", 13, 10, 10) == "one\n          two");
    CHECK(wrapped("a /a/path/that/is/long b", 10, 2, 0) == "a\n  /a/path/that/is/long\n  b");
    CHECK(wrapped("  kept  spaces", 80, 2, 0) == "  kept  spaces");
    CHECK(wrapped("", 80, 2, 0).empty());
    CHECK(wrapped("one two three", 0, 2, 0) == "one two three");
    // Characters count, not bytes.
    CHECK(wrapped("\xc3\xa4\xc3\xb6\xc3\xbc \xc3\x9f", 5, 0, 0) ==
          "\xc3\xa4\xc3\xb6\xc3\xbc \xc3\x9f");
}

TEST_CASE("wrap: what is too long is cut at a character, and shows it") {
    CHECK(shortened("short", 5) == "short");
    CHECK(shortened("longer", 5) == "long\xe2\x80\xa6");
    CHECK(shortened("\xc3\xa4\xc3\xb6\xc3\xbc", 2) == "\xc3\xa4\xe2\x80\xa6");
    CHECK(shortened("x", 0).empty());
}
