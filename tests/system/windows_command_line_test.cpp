#include "system/windows_command_line.hpp"

#include <catch2/catch_test_macros.hpp>

using odysseus::system::windows_command_line;

TEST_CASE("windows command line: quoting survives the way back") {
    CHECK(windows_command_line({"a.exe", "-ngl", "99"}) == "a.exe -ngl 99");
    CHECK(windows_command_line({R"(C:\Program Files\x.exe)", ""}) ==
          R"("C:\Program Files\x.exe" "")");
    CHECK(windows_command_line({"x", R"(C:\models\)"}) == R"(x C:\models\)");
    CHECK(windows_command_line({"x", R"(C:\my models\)"}) == R"(x "C:\my models\\")");
    CHECK(windows_command_line({"x", R"(say "hi")"}) == R"(x "say \"hi\"")");
    CHECK(windows_command_line({"x", R"(a\"b)"}) == R"(x "a\\\"b")");
    CHECK(windows_command_line({"x", "a\tb"}) == "x \"a\tb\"");
    CHECK(windows_command_line({}).empty());
}
