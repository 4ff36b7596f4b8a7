#include "builds/member_path.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::builds;

namespace {

std::string landing(const MemberPath& path) {
    if (const auto* text = std::get_if<std::string>(&path)) return *text;
    return "refused: " + std::get<MemberRefusal>(path).why;
}

bool refused(const MemberPath& path) {
    return std::holds_alternative<MemberRefusal>(path);
}

} // namespace

TEST_CASE("member_path: names of real archives land where they say") {
    struct Case {
        const char* name;
        const char* path;
    };
    for (const auto& [name, path] : std::initializer_list<Case>{
             {"llama-b11158/llama-server", "llama-b11158/llama-server"},
             {"llama-b11158/", "llama-b11158"},
             {"./llama-b11158/./libllama.so.0.0.11158", "llama-b11158/libllama.so.0.0.11158"},
             {"build/bin/llama-server", "build/bin/llama-server"},
             {"cudart64_12.dll", "cudart64_12.dll"},
             {"a//b", "a/b"},
             {"./", ""},
             {"..a", "..a"}, // look-alikes of what is refused
             {"a..b/c", "a..b/c"},
             {"...x", "...x"},
             {".hidden", ".hidden"},
             {"console", "console"},
             {"com10", "com10"},
             {"nullify.txt", "nullify.txt"},
             {"a b", "a b"},
             {" a", " a"},
             {"h\u00e9.txt", "h\u00e9.txt"},
         }) {
        CHECK(landing(member_path(name)) == path);
    }
}

TEST_CASE("member_path: everything that could land elsewhere, or not on every system, is refused") {
    for (const char* name : {"",
                             "/etc/passwd",
                             "//server/share",
                             "..",
                             "../x",
                             "a/../b",
                             "a/..",
                             "a/b/../../../c",
                             "..\\x",
                             "a\\b",
                             "\\x",
                             "C:",
                             "C:x",
                             "C:/x",
                             "c:\\x",
                             "file.txt:stream",
                             "a\nb",
                             "a\x7f",
                             "CON",
                             "con",
                             "nul.txt",
                             "a/Aux",
                             "COM1",
                             "com1.log",
                             "lpt9",
                             "COM\u00b9",
                             "CONIN$",
                             "con .txt",
                             "a.",
                             "a /b",
                             "a/b ",
                             "a./b",
                             "...",
                             "a<b",
                             "a>b",
                             "a\"b",
                             "a|b",
                             "a?b",
                             "a*b",
                             "\xff",
                             "a\xc3",
                             "\xc0\xaf",
                             "\xed\xa0\x80",
                             "\xf5\x80\x80\x80"}) {
        INFO(name);
        CHECK(refused(member_path(name)));
    }
    CHECK(refused(member_path(std::string_view("a\0b", 3))));
    CHECK_FALSE(refused(member_path(std::string(255, 'a'))));
    CHECK(refused(member_path(std::string(256, 'a'))));
    CHECK(refused(member_path(std::string(520, 'a').replace(200, 1, "/").replace(400, 1, "/") +
                              std::string(600, '/'))));
    std::string deep = "a";
    for (int i = 1; i < 32; ++i)
        deep += "/a";
    CHECK_FALSE(refused(member_path(deep)));
    CHECK(refused(member_path(deep + "/a")));
}

TEST_CASE("member_path: links stay inside") {
    CHECK(landing(link_landing("top/libllama.so", "libllama.so.0")) == "top/libllama.so.0");
    CHECK(landing(link_landing("a/b/c", "../x")) == "a/x");
    CHECK(landing(link_landing("a/b/c", "../../x")) == "x");
    CHECK(landing(link_landing("a/b", "./c/./d/")) == "a/c/d");
    CHECK(landing(link_landing("a/b", "../a/c")) == "a/c");
    for (const char* target :
         {"", "/etc/passwd", "../../x", "..\\x", "C:x", "../../a/x", "b", "../a/b", "./b",
          "x/../../../y", "x/../y", "c/../../x", "nul", "\xff"}) {
        INFO(target);
        CHECK(refused(link_landing("a/b", target)));
    }
    CHECK(refused(link_landing("a", "..")));
    CHECK(refused(link_landing("a/b", std::string(2000, 'x'))));
}

TEST_CASE("member_path: a folder that is taken off becomes the wall for links") {
    CHECK(landing(link_landing("top/a", "b", 1)) == "top/b");
    CHECK_FALSE(refused(link_landing("top/a", "../top/b", 0)));
    CHECK(refused(link_landing("top/a", "../top/b", 1))); // would lead outside afterwards
    CHECK(refused(link_landing("a", "b", 1)));
}

TEST_CASE("member_path: every name once") {
    MemberNames names(true);
    CHECK_FALSE(names.add_file("a/b"));
    CHECK_FALSE(names.add_folder("a")); // tar names folders late, and again
    CHECK_FALSE(names.add_folder("a"));
    CHECK_FALSE(names.add_file("a/B"));
    CHECK(names.add_file("a/b"));
    CHECK(names.add_file("a"));
    CHECK(names.add_folder("a/b"));
    CHECK(names.add_file("a/b/c")); // through a file, or a link
}

TEST_CASE("member_path: where case does not count, names that differ by it are the same") {
    MemberNames names(false);
    CHECK_FALSE(names.add_file("Lib/x"));
    CHECK_FALSE(names.add_file("lib/y"));
    CHECK(names.add_file("LIB/X"));
    CHECK(names.add_file("lib"));
    CHECK(names.add_file("lib/Y/z"));
}
