#include "odysseus/base/visible.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;

TEST_CASE("visible: nothing that steers a terminal is left, the rest stays") {
    struct Row {
        const char* text;
        const char* shown;
        const char* on_one_line;
    };
    const Row rows[] = {
        {"Qwen3-8B.gguf", "Qwen3-8B.gguf", "Qwen3-8B.gguf"},
        {"caf\xC3\xA9 \xE6\xA8\xA1\xE5\x9E\x8B", "caf\xC3\xA9 \xE6\xA8\xA1\xE5\x9E\x8B",
         "caf\xC3\xA9 \xE6\xA8\xA1\xE5\x9E\x8B"},
        {"\x1b]0;owned\x07.gguf", "\\u001b]0;owned\\u0007.gguf", "\\u001b]0;owned\\u0007.gguf"},
        {"a\nb\tc", "a\nb\tc", "a\\u000ab\\u0009c"},
        {"\r\x7f", "\\u000d\\u007f", "\\u000d\\u007f"},
        {"\xC2\x9B"
         "31m",
         "\\u009b31m", "\\u009b31m"}, // CSI as one character of 8 bits
        {"\xE2\x80\xAE"
         "fgug",
         "\\u202efgug", "\\u202efgug"}, // writes from right to left
        {"\x9b"
         "31m",
         "\xEF\xBF\xBD"
         "31m",
         "\xEF\xBF\xBD"
         "31m"},
        {"", "", ""},
    };
    for (const auto& row : rows) {
        CHECK(visible(row.text) == row.shown);
        CHECK(visible_line(row.text) == row.on_one_line);
    }
}
