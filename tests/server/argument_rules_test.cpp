#include "odysseus/server/argument_rules.hpp"

#include "odysseus/base/text.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <sstream>

using namespace odysseus;
using namespace odysseus::server;
using Words = std::vector<std::string>;

namespace {

std::string table() {
    std::ifstream in(std::string(ODYSSEUS_TEST_DATA) + "/llama_arguments.tsv");
    REQUIRE(in);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

} // namespace

TEST_CASE("argument rules: every argument of llama-server is decided as the table says") {
    int rows = 0;
    const auto text = table();
    for (const auto line : lines_of(text)) {
        if (line.empty() || line.front() == '#') continue;
        const auto fields = split(line, '\t');
        REQUIRE(fields.size() == 2);
        const std::string name(fields[0]);
        INFO(name);
        CHECK(conflicting_argument({name, "5"}).has_value() == (fields[1] == "refused"));
        CHECK(conflicting_argument({name, "2"}).has_value() ==
              (fields[1] == "refused" || fields[1] == "at least 3"));
        if (fields[1] == "removed") CHECK_FALSE(renamed_argument(name).empty());
        ++rows;
    }
    CHECK(rows > 200);
}

TEST_CASE("argument rules: llama.cpp takes underscores for dashes, and so do the rules") {
    CHECK(argument_word("--ctx_size") == "--ctx-size");
    CHECK(argument_word("--ctx_size=a_b") == "--ctx-size=a_b");
    CHECK(argument_word("-a_b") == "-a_b");
    CHECK(argument_word("a__b") == "a__b");
    for (const char* door : {"--api_key", "--ssl_key_file=x", "--mcp_servers_json",
                             "--no_log_prefix", "--models_preset", "--log_verbosity=0"}) {
        INFO(door);
        CHECK(conflicting_argument({"--temp", "0", door}).has_value());
    }
}

TEST_CASE("argument rules: a log that does not tell of loads is refused, more of it is not") {
    for (const auto& words : {Words{"-lv", "0"}, Words{"--verbosity", "2"}, Words{"-lv", "-1"}})
        CHECK(conflicting_argument(words).has_value());
    for (const auto& words : {Words{"-lv", "3"}, Words{"-lv", "5"}, Words{"-lv"}, Words{"-v"}})
        CHECK_FALSE(conflicting_argument(words).has_value());
}

TEST_CASE("argument rules: a removed argument is told by its new name") {
    struct Row {
        Words arguments;
        const char* line; // what llama-server really says (b11669)
        const char* now;
    };
    const Row rows[] = {
        {{"--temp", "0", "--mlock"}, "error: invalid argument: --mlock", "--load-mode mlock"},
        {{"--no-mmap"}, "error: invalid argument: --no-mmap", "--load-mode none"},
        {{"-dio"}, "error: invalid argument: -dio", "--load-mode dio"},
        {{"--draft_max", "16"},
         "error while handling argument \"--draft-max\": the argument has been removed. use ...",
         "--spec-draft-n-max"},
        {{"-fa"},
         "error while handling argument \"-fa\": expected value for argument",
         "--flash-attn on"},
        {{"--tensor-read-lazy"}, "error: invalid argument: --tensor-read-lazy", "--lazy-mode on"},
    };
    for (const auto& row : rows) {
        INFO(row.line);
        const auto said = removed_argument(row.arguments, {"usage:", row.line, ""});
        CHECK(said.find(row.now) != std::string::npos);
    }
    CHECK(removed_argument({"--typo"}, {"error: invalid argument: --typo"}).empty());
    CHECK(removed_argument({"--mlock"}, {"error: invalid argument: --typo"}).empty());
    CHECK(removed_argument({}, {"error: invalid argument: --mlock"}).empty());
    CHECK(removed_argument({"--mlock"}, {}).empty());
}

TEST_CASE("argument rules: what a build's --help does not list") {
    const char* help = "----- common params -----\n\n"
                       "-fa,   --flash-attn [on|off|auto]       set Flash Attention use\n"
                       "-lm,   --load-mode MODE                 loading (replaces --mlock, -dio)\n"
                       "                                        --indented is text\n"
                       "--port PORT                             port, --no-flag\n"
                       "-kvo,  --kv-offload, -nkvo, --no-kv-offload\n";
    CHECK_FALSE(unknown_argument({"-fa", "on", "-nkvo", "--load_mode", "-1", "-0.5", "x"}, help));
    CHECK(unknown_argument({"-fa", "on", "--mlock"}, help) == "--mlock");
    CHECK(unknown_argument({"--no-flag"}, help) == "--no-flag");
    CHECK(unknown_argument({"--indented"}, help) == "--indented");
    CHECK_FALSE(unknown_argument({"--mlock"}, "").has_value());
    CHECK_FALSE(unknown_argument({"--mlock"}, "no help at all").has_value());
}
