// The help and the completion scripts, made from the tables of settings and commands.
#include "odysseus/error.hpp"
#include "odysseus/io/command_line.hpp"
#include "odysseus/io/verbs.hpp"
#include "odysseus/logic/text.hpp"
#include "odysseus/logic/version.hpp"

#include <algorithm>

namespace odysseus::io {
namespace {

constexpr std::size_t k_left_column = 26;

std::string row(const std::string& left, const std::string& right) {
    std::string text = "  " + left;
    if (text.size() + 2 > k_left_column) {
        text += '\n';
        text.append(k_left_column, ' ');
    } else {
        text.append(k_left_column - text.size(), ' ');
    }
    return text + right + '\n';
}

std::string flag_row(const SettingSpec& spec) {
    std::string left = spec.flag;
    if (spec.value != nullptr) left += cat(' ', spec.value);
    std::string right = spec.help;
    if (*spec.fallback != '\0' && spec.value != nullptr) right += cat(" [", spec.fallback, "]");
    return row(left, right);
}

std::string options_text() {
    using Group = SettingSpec::Group;
    static constexpr std::pair<Group, const char*> k_groups[] = {
        {Group::models, "Models and memory"},
        {Group::serving, "Serving"},
        {Group::build, "The llama.cpp build"},
        {Group::other, "Other"}};
    std::string text;
    for (const auto& [group, title] : k_groups) {
        text += cat(title, ":\n");
        for (const auto& spec : setting_specs()) {
            if (spec.group == group) text += flag_row(spec);
        }
        if (group != Group::other) text += '\n';
    }
    text += row("-h, --help", "this text");
    text += row("-V, --version", "the version");
    return text;
}

std::string indented(std::string_view lines) {
    std::string text;
    for (const auto line : lines_of(lines))
        text += cat("  ", line, "\n");
    return text;
}

std::string own_switches(const VerbSpec& spec) {
    std::string text;
    for (const auto& own : spec.switches)
        text += row(own.flag, own.help);
    return text.empty() ? text : "\nOptions of this command:\n" + text;
}

std::string words_of_flags() {
    std::string words = "--help --version --json";
    for (const auto& spec : setting_specs())
        words += cat(' ', spec.flag);
    return words;
}

std::string words_of_verbs() {
    std::string words;
    for (const auto& spec : verb_specs())
        words += cat(words.empty() ? "" : " ", spec.name);
    return words;
}

std::string bash_script() {
    std::string cases;
    for (const auto& spec : verb_specs()) {
        if (*spec.completions != '\0') {
            cases += cat("    ", spec.name, ") words=\"", spec.completions, "\" ;;\n");
        }
    }
    return cat(
        "# bash completion for odysseus\n"
        "_odysseus() {\n"
        "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} words\n"
        "  case $previous in\n",
        cases, "    --device) words=\"", k_device_words,
        "\" ;;\n"
        "    --log-level) words=\"debug info warn error off\" ;;\n"
        "    --log-format) words=\"text json\" ;;\n"
        "    --release) words=\"stable nightly\" ;;\n"
        "    --home|--models-dir) COMPREPLY=($(compgen -d -- \"$current\")); return ;;\n"
        "    --hardware|--llama-server|import) COMPREPLY=($(compgen -f -- \"$current\")); return "
        ";;\n"
        "    *) words=\"",
        words_of_verbs(), " ", words_of_flags(),
        "\" ;;\n"
        "  esac\n"
        "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
        "}\n"
        "complete -F _odysseus odysseus\n");
}

// What zsh and fish take as one quoted word.
std::string quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'') {
            out += "'\\''";
        } else {
            out += c;
        }
    }
    return out + "'";
}

std::string zsh_script() {
    std::string commands;
    std::string followers;
    for (const auto& spec : verb_specs()) {
        commands += cat("    ", quoted(cat(spec.name, ":", spec.help)), "\n");
        if (*spec.completions != '\0') {
            followers += cat("      ", spec.name, ") _values word ", spec.completions, " ;;\n");
        }
    }
    std::string flags;
    for (const auto& spec : setting_specs()) {
        std::string help = spec.help;
        std::replace(help.begin(), help.end(), ':', ',');
        const std::string again = spec.repeatable ? "*" : "";
        const std::string value = spec.value == nullptr ? "" : cat(":", lowered(spec.value), ":");
        flags += cat("    ", quoted(cat(again, spec.flag, "[", help, "]", value)), " \\\n");
    }
    return cat("#compdef odysseus\n"
               "_odysseus() {\n"
               "  local -a commands\n"
               "  commands=(\n",
               commands,
               "  )\n"
               "  _arguments -C \\\n",
               flags,
               "    '1: :->command' '2: :->word'\n"
               "  case $state in\n"
               "    command) _describe command commands ;;\n"
               "    word) case $words[2] in\n",
               followers,
               "      *) _files ;;\n"
               "      esac ;;\n"
               "  esac\n"
               "}\n"
               "compdef _odysseus odysseus\n");
}

std::string fish_script() {
    std::string text = "# fish completion for odysseus\ncomplete -c odysseus -f\n";
    for (const auto& spec : verb_specs()) {
        text += cat("complete -c odysseus -n __fish_use_subcommand -a ", spec.name, " -d ",
                    quoted(spec.help), "\n");
        if (*spec.completions != '\0') {
            text += cat("complete -c odysseus -n '__fish_seen_subcommand_from ", spec.name, "' -a ",
                        quoted(spec.completions), "\n");
        }
    }
    for (const auto& spec : setting_specs()) {
        text += cat("complete -c odysseus -l ", std::string_view(spec.flag).substr(2),
                    spec.value != nullptr ? " -r" : "", " -d ", quoted(spec.help), "\n");
    }
    return text;
}

// troff reads '-' as a hyphen, and a '.' or an apostrophe at the start of a line as a request
// (man-pages(7)).
std::string troff(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '-' || c == '\\') out += '\\';
        if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) out += "\\&";
        out += c;
    }
    return out;
}

std::string man_page() {
    std::string text =
        cat(".TH ODYSSEUS 1 \"\" \"odysseus ", version(), "\" \"User commands\"\n",
            ".SH NAME\nodysseus \\- run llama.cpp's llama\\-server so that it fits this machine\n",
            ".SH SYNOPSIS\n");
    for (const auto& spec : verb_specs()) {
        text += cat(".B odysseus\n", troff(spec.usage), "\n.br\n");
    }
    text += ".SH COMMANDS\n";
    for (const auto& spec : verb_specs()) {
        text += cat(".TP\n.B ", spec.name, "\n", troff(spec.help), ".\n");
        for (const auto& own : spec.switches)
            text += troff(cat(own.flag, ": ", own.help, ". "));
        text += cat("\n.nf\n", troff(spec.examples), "\n.fi\n");
    }
    text += ".SH OPTIONS\nEach can be a flag, an environment variable or a key of "
            "HOME/data/launcher_config.json; "
            "the first of these that is set counts.\n";
    for (const auto& spec : setting_specs()) {
        text +=
            cat(".TP\n.B ", troff(spec.flag),
                spec.value != nullptr ? cat(" \\fI", troff(spec.value), "\\fR") : "", "\n",
                troff(spec.help), ". Environment: ", spec.environment, ". ",
                spec.file_key != nullptr ? cat("Key: ", spec.file_key, ". ") : "",
                *spec.fallback != '\0' ? cat("Default: ", troff(spec.fallback), ".") : "", "\n");
    }
    text += ".SH EXIT STATUS\n";
    static constexpr std::pair<int, const char*> k_codes[] = {
        {0, "did what was asked; a server stopped by SIGINT or SIGTERM"},
        {1, "an unexpected error"},
        {2, "wrong use: flag, setting, file"},
        {3, "no llama.cpp build fits this machine"},
        {4, "the network: host unreachable, rate limit, download failed"},
        {5, "integrity: digest, archive, unsafe path, build that does not run"},
        {6, "llama\\-server did not start or keeps failing"},
        {7, "a port is taken, or another odysseus runs in this HOME"}};
    for (const auto& [code, meaning] : k_codes)
        text += cat(".TP\n.B ", code, "\n", meaning, "\n");
    return text;
}

} // namespace

std::string help_text(const std::string& verb) {
    if (verb == "man") return man_page();
    if (verb.empty()) {
        std::string text =
            "odysseus runs llama.cpp's llama-server with a build and a context that fit this "
            "machine.\n\nUsage: odysseus [command] [options] [-- llama-server arguments]\n\n"
            "Commands:\n";
        for (const auto& spec : verb_specs())
            text += row(spec.name, spec.help);
        text += "\nExamples:\n" + indented(verb_specs().front().examples) + "\n" + options_text();
        return text + "\nEvery option has an environment variable and a key in "
                      "HOME/data/launcher_config.json:\n"
                      "see odysseus config. A command's own help: odysseus COMMAND --help\n";
    }
    for (const auto& spec : verb_specs()) {
        if (verb != spec.name) continue;
        return cat("odysseus ", spec.name, ": ", spec.help, "\n\nUsage: odysseus ", spec.usage,
                   "\n\nExamples:\n", indented(spec.examples), own_switches(spec), "\n",
                   options_text());
    }
    return {};
}

std::string completion_script(const std::string& shell) {
    if (shell == "bash") return bash_script();
    if (shell == "zsh") return zsh_script();
    if (shell == "fish") return fish_script();
    throw Error(Fault::usage,
                cat("there is no completion for '", shell, "'; it can be bash, zsh or fish"));
}

} // namespace odysseus::io
