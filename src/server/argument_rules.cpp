#include "odysseus/server/argument_rules.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <initializer_list>
#include <set>

namespace odysseus::server {
namespace {

using Names = std::initializer_list<std::string_view>;

// By llama-server's --help, b11669.
struct Refusal {
    Names names;
    const char* instead;
};
const Refusal k_refusals[] = {
    {{"--host", "--reuse-port"},
     "llama-server listens for odysseus alone, and asks nobody for a key; clients come to the "
     "address that --host ADDRESS names before the --"},
    {{"--no-models-autoload"}, "odysseus relies on it that a request loads its model"},
    {{"--log-disable", "--log-jsonl", "--no-log-prefix", "--no-log-timestamps"},
     "odysseus reads llama-server's log, to see what it runs out of"},
    {{"--port"}, "odysseus tells llama-server its port; name one with --llama-port N"},
    {{"--api-key", "--api-key-file"},
     "odysseus is the one that asks for keys; give it --api-key KEY before the --"},
    {{"--models-dir"}, "odysseus must look there too; give it --models-dir DIR before the --"},
    {{"--models-preset"},
     "odysseus writes that file, for the models that llama-server does not find by itself"},
    {{"-m",
      "--model",
      "-mu",
      "--model-url",
      "-hf",
      "-hfr",
      "--hf-repo",
      "-hff",
      "--hf-file",
      "-dr",
      "--docker-repo",
      "--embd-gemma-default",
      "--fim-qwen-1.5b-default",
      "--fim-qwen-3b-default",
      "--fim-qwen-7b-default",
      "--fim-qwen-7b-spec",
      "--fim-qwen-14b-spec",
      "--fim-qwen-30b-default",
      "--gpt-oss-20b-default",
      "--gpt-oss-120b-default",
      "--vision-gemma-4b-default",
      "--vision-gemma-12b-default"},
     "llama-server would serve that one model alone; put it into the models folder, or fetch it "
     "with odysseus pull NAME"},
    {{"--api-prefix", "--ssl-key-file", "--ssl-cert-file"},
     "odysseus would not find llama-server any more; put a web server in front of odysseus "
     "instead"},
    {{"--tools", "--tools-runtime", "-ag", "--agent", "--mcp-servers-config", "--mcp-servers-json",
      "--ui-mcp-proxy", "--webui-mcp-proxy"},
     "whoever reaches llama-server could run programs or read files here; run a llama-server of "
     "its own for that"},
    {{"--path"},
     "llama-server gives the files of that folder to everybody, without a key; put a web server "
     "in front of odysseus instead"},
    {{"--cors-origins"},
     "web pages come to odysseus; let one in with --allow-origin ORIGIN before the --"},
    {{"-h", "--help", "--usage", "--version", "-cl", "--cache-list", "--completion-bash",
      "--list-devices"},
     "llama-server would tell that and end; ask the program itself (odysseus doctor names it)"},
};

constexpr int k_verbosity_least = 3; // what is logged of loads and ends

// Below that llama-server's log does not tell what odysseus must know.
std::optional<std::string> too_quiet(std::string_view name, std::string_view value) {
    if (name != "-lv" && name != "--verbosity" && name != "--log-verbosity") return std::nullopt;
    const auto number = parsed_int(value);
    if (!number || *number >= k_verbosity_least) return std::nullopt;
    return concat(name, " cannot be less than ", k_verbosity_least,
                  ": odysseus reads llama-server's log, to see what it runs out of");
}

struct Renamed {
    Names names;
    const char* now;
};
const Renamed k_renamed[] = {
    {{"--mlock"}, "--load-mode mlock (since b10878)"},
    {{"--no-mmap"}, "--load-mode none (since b10878)"},
    {{"--mmap"}, "--load-mode mmap (since b10878)"},
    {{"-dio", "--direct-io"}, "--load-mode dio (since b10878)"},
    {{"-ndio", "--no-direct-io"}, "--load-mode mmap (since b10878)"},
    {{"--tensor-read-lazy"}, "--lazy-mode on (since b10731)"},
    {{"--no-tensor-read-lazy"}, "--lazy-mode off (since b10731)"},
    {{"--draft", "--draft-n", "--draft-max"}, "--spec-draft-n-max (since b9016)"},
    {{"--draft-min", "--draft-n-min"}, "--spec-draft-n-min (since b9016)"},
    {{"--spec-ngram-size-n"}, "--spec-ngram-simple-size-n or --spec-ngram-mod-n-match"},
    {{"--spec-ngram-size-m"}, "--spec-ngram-simple-size-m"},
    {{"--spec-ngram-min-hits"}, "--spec-ngram-simple-min-hits"},
    {{"-fa", "--flash-attn"}, "--flash-attn on, off or auto"},
    {{"-nfa", "--no-flash-attn"}, "--flash-attn off"},
};

bool is_one_of(std::string_view word, Names names) {
    return std::find(names.begin(), names.end(), word) != names.end();
}

std::string_view name_in(std::string_view word) {
    return word.substr(0, word.find('='));
}

// "error: invalid argument: --mlock", "error while handling argument "-fa": expected value ..."
bool blames(std::string_view line, std::string_view argument) {
    return line.ends_with(concat("invalid argument: ", argument)) ||
           line.find(concat("handling argument \"", argument, "\"")) != std::string_view::npos;
}

// "-fa,   --flash-attn [on|off|auto]       set ..." -> its names. What describes it is indented.
void add_names(std::string_view line, std::set<std::string, std::less<>>& names) {
    if (!line.starts_with('-')) return;
    for (const auto part : split(line.substr(0, 200), ',')) {
        const auto word = trimmed(part);
        if (!word.starts_with('-')) return;
        names.emplace(word.substr(0, word.find(' ')));
        if (word.find(' ') != std::string_view::npos) return;
    }
}

bool is_name(std::string_view word) {
    return word.size() > 1 && word[0] == '-' && !(word[1] >= '0' && word[1] <= '9') &&
           word[1] != '.';
}

} // namespace

std::string argument_word(std::string_view argument) {
    std::string word(argument);
    if (!word.starts_with("--")) return word;
    std::replace(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(name_in(word).size()),
                 '_', '-');
    return word;
}

std::optional<std::string> conflicting_argument(const std::vector<std::string>& arguments) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const auto word = argument_word(arguments[i]);
        const auto name = name_in(word);
        for (const auto& refusal : k_refusals) {
            if (is_one_of(name, refusal.names))
                return concat(name,
                              " cannot be among llama-server's own arguments: ", refusal.instead);
        }
        const auto next = i + 1 < arguments.size() ? arguments[i + 1] : std::string();
        const auto value = name.size() < word.size() ? word.substr(name.size() + 1) : next;
        if (auto why = too_quiet(name, value)) return why;
    }
    return std::nullopt;
}

std::string renamed_argument(std::string_view word) {
    for (const auto& renamed : k_renamed) {
        if (is_one_of(word, renamed.names)) return renamed.now;
    }
    return {};
}

std::string removed_argument(const std::vector<std::string>& arguments,
                             const std::vector<std::string>& lines) {
    for (const auto& argument : arguments) {
        const auto word = argument_word(argument);
        const bool blamed = std::any_of(lines.begin(), lines.end(),
                                        [&](const auto& line) { return blames(line, word); });
        const auto now = blamed ? renamed_argument(word) : std::string();
        if (!now.empty()) return concat("llama.cpp has changed ", word, ": write ", now);
    }
    return {};
}

std::optional<std::string> unknown_argument(const std::vector<std::string>& arguments,
                                            std::string_view help) {
    std::set<std::string, std::less<>> names;
    for (const auto line : lines_of(help))
        add_names(line, names);
    if (names.find("--port") == names.end()) return std::nullopt;
    for (const auto& argument : arguments) {
        const auto word = argument_word(argument);
        if (is_name(word) && names.find(word) == names.end()) return word;
    }
    return std::nullopt;
}

} // namespace odysseus::server
