#include "odysseus/base/error.hpp"
#include "odysseus/settings/command_line.hpp"
#include "settings/verbs.hpp"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

using namespace odysseus;
using namespace odysseus::settings;

namespace {

CommandLine parsed(const std::vector<const char*>& words) {
    return parse_command_line({words.begin(), words.end()});
}

std::string refused(const std::vector<const char*>& words) {
    try {
        (void)parsed(words);
    } catch (const Error& error) {
        CHECK(error.fault() == Fault::usage);
        return error.what();
    }
    return "(not refused)";
}

} // namespace

TEST_CASE("command line: serve is what happens when nothing is named") {
    CHECK(parsed({}).verb == Verb::serve);
    CHECK(parsed({"--backend=llama"}).settings.at("backend").text == "llama");
    CHECK(parsed({"serve", "--offline"}).settings.at("offline").text == "1");
}

TEST_CASE("command line: settings go before or after the command") {
    for (const auto& line :
         {parsed({"plan", "--json", "--ctx", "4096"}), parsed({"--ctx=4096", "plan", "--json"})}) {
        CHECK(line.verb == Verb::plan);
        CHECK(line.has("--json"));
        CHECK(line.settings.at("ctx").text == "4096");
        CHECK(line.settings.at("ctx").where == "--ctx");
    }
}

TEST_CASE("command line: a switch may be given a truth value") {
    CHECK(parsed({"--offline=true"}).settings.at("offline").text == "1");
    CHECK(parsed({"--offline=false"}).settings.at("offline").text == "0");
    CHECK(parsed({"--offline", "--offline=no"}).settings.at("offline").text == "no");
}

TEST_CASE("command line: everything after -- is llama-server's") {
    const auto line = parsed({"--ctx", "1", "--", "--ctx-size", "5", "--", "-x"});
    CHECK(line.llama_args == std::vector<std::string>{"--ctx-size", "5", "--", "-x"});
    CHECK(line.settings.size() == 1);
}

TEST_CASE("command line: the last one counts, but keys add up") {
    const auto line = parsed({"--port", "1", "--port", "2", "--api-key", "a", "--api-key", "b"});
    CHECK(line.settings.at("proxy_port").text == "2");
    CHECK(line.settings.at("api_keys").text == "a,b");
}

TEST_CASE("command line: paths are relative to where the user stands") {
    const auto line = parsed({"--models-dir", "shelf/../m"});
    CHECK(line.settings.at("models_dir").text == (std::filesystem::current_path() / "m").string());
}

TEST_CASE("command line: wrong uses are one sentence with the remedy") {
    struct Row {
        std::vector<const char*> words;
        const char* said;
    };
    const Row rows[] = {
        {{"srve"}, "Did you mean serve?"},
        {{"--cxt", "5"}, "Did you mean --ctx?"},
        {{"plan", "--verfy"}, "Did you mean --verify?"},
        {{"pull", "a", "--json"}, "pull has no flag --json, but these have: plan"},
        {{"--json"}, "serve has no flag --json"},
        {{"--ctx"}, "--ctx needs a value: --ctx N|auto|max"},
        {{"--home="}, "--home needs a value: --home DIR"},
        {{"--api-key", "a,b"}, "give the flag twice"},
        {{"--api-key", "a", "--api-key", ""}, "--api-key needs a value"},
        {{"--version", "extra"}, "no command 'extra'"},
        {{"--version", "--hlp"}, "Did you mean --help?"},
        {{"plan", "doctor"}, "'plan' and 'doctor' are two commands"},
        {{"pull", ""}, "a word is empty"},
        {{"help", "plan", "x"}, "one word too many"},
        {{"pull"}, "pull needs a model, for example: odysseus pull "},
        {{"pull", "a", "b"}, "odysseus pull NAME"},
        {{"backend"}, "backend list | install"},
        {{"completion"}, "bash|zsh|fish"},
        {{"help", "nothing"}, "no command 'nothing'"},
        {{"plan", "extra"}, "plan takes no 'extra'; usage: odysseus plan [--json]"},
    };
    for (const auto& row : rows) {
        const auto said = refused(row.words);
        INFO(said);
        CHECK(said.find(row.said) != std::string::npos);
        CHECK(said.find('\n') == std::string::npos);
    }
}

TEST_CASE("command line: quotation marks that a shell left on a value are told") {
    for (const auto& words : std::vector<std::vector<const char*>>{{"--models-dir", "'C:\\Models'"},
                                                                   {"--default-model", "\"qwen3\""},
                                                                   {"--api-key='secret'"},
                                                                   {"pull", "'org/name'"}}) {
        CAPTURE(words.front());
        const auto why = refused(words);
        CHECK(why.find("quotation marks became a part of the value") != std::string::npos);
        CHECK(why.find("secret") == std::string::npos);
    }
    CHECK(refused({"--models-dir", "C:\\My Models\""}).find("leave out the \\ before it") !=
          std::string::npos);
    for (const char* value : {"it's", "a\"b", "\"a\" and", "'", "\""})
        CHECK(parsed({"--default-model", value}).settings.at("default_model").text == value);
}

TEST_CASE("command line: help knows every flag and every command") {
    const auto all = help_text("");
    for (const auto& spec : setting_specs())
        CHECK(all.find(spec.flag) != std::string::npos);
    for (const auto& spec : verb_specs()) {
        CHECK(all.find(std::string("  ") + spec.name) != std::string::npos);
        const auto own = help_text(spec.name);
        // It may be broken into lines.
        CHECK(own.find(std::string(spec.usage).substr(0, 20)) != std::string::npos);
        for (const auto& sw : spec.switches)
            CHECK(own.find(sw.flag) != std::string::npos);
    }
    CHECK(help_text("nothing").empty());
    CHECK(parsed({"plan", "--help"}).help == help_text("plan"));
    CHECK(parsed({"help", "plan"}).help == help_text("plan"));
}

TEST_CASE("command line: completions name every flag") {
    for (const char* shell : {"bash", "zsh", "fish"}) {
        const auto script = completion_script(shell);
        for (const auto& spec : setting_specs()) {
            INFO(shell << " " << spec.flag);
            CHECK(script.find(spec.flag + 2) != std::string::npos);
            CHECK(script.find(spec.words) != std::string::npos);
        }
        for (const auto& spec : verb_specs()) {
            CHECK(script.find(spec.name) != std::string::npos);
            CHECK(script.find(spec.completions) != std::string::npos);
            for (const auto& own : spec.switches)
                CHECK(script.find(own.flag + 2) != std::string::npos);
        }
    }
    CHECK_THROWS_AS(completion_script("tcsh"), Error);
}

TEST_CASE("command line: paths are UTF-8, or refused") {
    const auto home = parsed({"--home", "/x/M\u00fcller/\u6a21\u578b"}).settings.at("home").text;
    CHECK(home == "/x/M\u00fcller/\u6a21\u578b");
    for (const char* flag : {"--home", "--models-dir", "--llama-server", "--hardware"}) {
        CHECK(refused({flag, "/x/caf\xe9"}).find(flag) == 0);
    }
}
