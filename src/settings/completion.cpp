// The completion scripts, made from the tables of settings and commands like the help.
#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/settings/command_line.hpp"
#include "verbs.hpp"

#include <algorithm>

namespace odysseus::settings {
namespace {

// What may follow a flag.
enum class Follows { nothing, words, folder, file, text };

Follows follows(const SettingSpec& spec) {
    if (spec.value == nullptr) return Follows::nothing;
    if (*spec.words != '\0') return Follows::words;
    const std::string_view value = spec.value;
    if (value == "DIR") return Follows::folder;
    return value == "FILE" || value == "PATH" ? Follows::file : Follows::text;
}

std::string flags_that(Follows what) {
    std::string flags;
    for (const auto& spec : setting_specs()) {
        if (follows(spec) == what) flags += concat(flags.empty() ? "" : "|", spec.flag);
    }
    return flags;
}

std::string all_flags() {
    std::string flags = "--help";
    for (const auto& spec : setting_specs())
        flags += concat(' ', spec.flag);
    return flags;
}

std::string all_verbs(const char* between) {
    std::string verbs;
    for (const auto& spec : verb_specs())
        verbs += concat(verbs.empty() ? "" : between, spec.name);
    return verbs;
}

// Of `odysseus backend`, the action that takes a file.
constexpr const char* k_takes_file = "import";

std::string bash_values() {
    std::string cases;
    for (const auto& spec : setting_specs()) {
        if (follows(spec) == Follows::words)
            cases += concat("  ", spec.flag, ") words=\"", spec.words, "\" ;;\n");
    }
    return concat(cases, "  ", flags_that(Follows::folder), ") _odysseus_paths -d; return ;;\n  ",
                  flags_that(Follows::file), "|", k_takes_file,
                  ") _odysseus_paths -f; return ;;\n  ", flags_that(Follows::text),
                  ") return ;;\n");
}

std::string bash_commands() {
    std::string cases;
    for (const auto& spec : verb_specs()) {
        std::string own;
        for (const auto& one : spec.switches)
            own += concat(one.flag, ' ');
        cases += concat("    ", spec.name, ") flags=\"", own, "$flags\"");
        if (*spec.completions != '\0')
            cases +=
                concat("; [[ $previous == ", spec.name, " ]] && words=\"", spec.completions, "\"");
        cases += " ;;\n";
    }
    return cases;
}

// bash 3.2 (macOS) knows neither mapfile nor compopt.
std::string bash_script() {
    return concat("# bash completion for odysseus\n"
                  "_odysseus_paths() {\n"
                  "  local IFS=$'\\n'\n"
                  "  type compopt >/dev/null 2>&1 && compopt -o filenames 2>/dev/null\n"
                  "  COMPREPLY=($(compgen \"$1\" -- \"$current\"))\n"
                  "}\n"
                  "_odysseus() {\n"
                  "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
                  "  local command= words= i\n"
                  "  local flags=\"",
                  all_flags(),
                  "\"\n"
                  "  COMPREPLY=()\n"
                  "  # bash takes --flag=value for three words\n"
                  "  if [[ $current == = ]]; then current=\n"
                  "  elif [[ $previous == = ]]; then previous=${COMP_WORDS[COMP_CWORD-2]}\n"
                  "  fi\n"
                  "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
                  "    case ${COMP_WORDS[i]} in\n"
                  "    --) _odysseus_paths -f; return ;;\n"
                  "    ",
                  all_verbs("|"),
                  ") [[ -z $command ]] && command=${COMP_WORDS[i]} ;;\n"
                  "    esac\n"
                  "  done\n"
                  "  case $previous in\n",
                  bash_values(),
                  "  *)\n"
                  "    case $command in\n",
                  bash_commands(), "    *) words=\"", all_verbs(" "),
                  "\"; flags=\"--version $flags\" ;;\n"
                  "    esac\n"
                  "    [[ $current == -* || -z $words ]] && words=$flags ;;\n"
                  "  esac\n"
                  "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
                  "}\n"
                  "complete -F _odysseus odysseus\n");
}

// What zsh and fish take as one quoted word.
std::string shell_quoted(std::string_view text) {
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

// A help text inside the brackets of zsh's _arguments, where some characters mean something.
std::string zsh_help(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

std::string zsh_flag(const SettingSpec& spec) {
    std::string action;
    switch (follows(spec)) {
    case Follows::nothing: break;
    case Follows::words: action = concat(":value:(", spec.words, ")"); break;
    case Follows::folder: action = ":folder:_directories"; break;
    case Follows::file: action = ":file:_files"; break;
    case Follows::text: action = concat(":", lowered(spec.value), ": "); break;
    }
    return shell_quoted(concat(spec.repeatable ? "*" : "", spec.flag,
                               spec.value != nullptr ? "=" : "", "[", zsh_help(spec.help), "]",
                               action));
}

std::string zsh_commands() {
    std::string cases;
    for (const auto& spec : verb_specs()) {
        cases += concat("    ", spec.name, ") own=(");
        for (const auto& own : spec.switches)
            cases += shell_quoted(concat(own.flag, "[", zsh_help(own.help), "]")) + " ";
        if (*spec.completions != '\0')
            cases += shell_quoted(concat("1: :(", spec.completions, ")")) + " ";
        if (spec.verb == Verb::backend) cases += "'2:file or tag:_files' ";
        cases += ") ;;\n";
    }
    return cases;
}

std::string zsh_script() {
    std::string commands;
    for (const auto& spec : verb_specs())
        commands += concat("    ", shell_quoted(concat(spec.name, ":", zsh_help(spec.help))), "\n");
    std::string flags;
    for (const auto& spec : setting_specs())
        flags += concat("    ", zsh_flag(spec), "\n");
    return concat("#compdef odysseus\n"
                  "_odysseus() {\n"
                  "  local curcontext=$curcontext state line\n"
                  "  local -a commands flags own\n"
                  "  typeset -A opt_args\n"
                  "  commands=(\n",
                  commands,
                  "  )\n"
                  "  flags=(\n"
                  "    '(- *)'{-h,--help}'[what it is and does]'\n",
                  flags,
                  "  )\n"
                  "  _arguments -C $flags '(- *)'{-V,--version}'[the version]' \\\n"
                  "    '1: :->command' '*:: :->rest' && return\n"
                  "  case $state in\n"
                  "  command) _describe command commands ;;\n"
                  "  rest)\n"
                  "    case $line[1] in\n",
                  zsh_commands(),
                  "    esac\n"
                  "    _arguments $flags $own ;;\n"
                  "  esac\n"
                  "}\n"
                  "if [[ $funcstack[1] == _odysseus ]]; then _odysseus \"$@\"\n"
                  "else compdef _odysseus odysseus\n"
                  "fi\n");
}

std::string fish_flag(const SettingSpec& spec) {
    std::string value;
    switch (follows(spec)) {
    case Follows::nothing: break;
    case Follows::words: value = concat(" -x -a ", shell_quoted(spec.words)); break;
    case Follows::folder: value = " -x -a '(__fish_complete_directories)'"; break;
    case Follows::file: value = " -r -F"; break;
    case Follows::text: value = " -x"; break;
    }
    return concat("complete -c odysseus -l ", std::string_view(spec.flag).substr(2), value, " -d ",
                  shell_quoted(spec.help), "\n");
}

std::string fish_command(const VerbSpec& spec) {
    const auto seen =
        concat("complete -c odysseus -n '__fish_seen_subcommand_from ", spec.name, "' ");
    std::string text = concat("complete -c odysseus -n __fish_use_subcommand -a ", spec.name,
                              " -d ", shell_quoted(spec.help), "\n");
    for (const auto& own : spec.switches) {
        text += concat(seen, "-l ", std::string_view(own.flag).substr(2), " -d ",
                       shell_quoted(own.help), "\n");
    }
    if (*spec.completions != '\0')
        text += concat(seen, "-a ", shell_quoted(spec.completions), "\n");
    if (spec.verb == Verb::backend)
        text +=
            concat("complete -c odysseus -n '__fish_seen_subcommand_from ", k_takes_file, "' -F\n");
    return text;
}

std::string fish_script() {
    std::string text = "# fish completion for odysseus\ncomplete -c odysseus -f\n"
                       "complete -c odysseus -s h -l help -d 'what it is and does'\n"
                       "complete -c odysseus -s V -l version -d 'the version'\n";
    for (const auto& spec : verb_specs())
        text += fish_command(spec);
    for (const auto& spec : setting_specs())
        text += fish_flag(spec);
    return text;
}

} // namespace

std::string completion_script(const std::string& shell) {
    if (shell == "bash") return bash_script();
    if (shell == "zsh") return zsh_script();
    if (shell == "fish") return fish_script();
    throw Error(Fault::usage,
                concat("there is no completion for '", shell, "'; it can be bash, zsh or fish"));
}

} // namespace odysseus::settings
