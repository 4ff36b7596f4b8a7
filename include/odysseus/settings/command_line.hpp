// The command line, by CLI11, from the one table of settings and the one table of commands.
#pragma once

#include "odysseus/settings/settings.hpp"

#include <set>
#include <string>
#include <vector>

namespace odysseus::settings {

enum class Verb {
    serve,
    plan,
    doctor,
    models,
    pull,
    backend,
    config,
    pair,
    worker,
    completion,
    help,
    version
};

struct CommandLine {
    Verb verb = Verb::serve;
    RawSettings settings;                // what the flags said
    std::vector<std::string> words;      // what follows the command: NAME, "install" TAG, ...
    std::vector<std::string> llama_args; // what follows "--": llama-server's own
    std::set<std::string> switches;      // the command's own: "--json", "--verify", ...
    std::string help;                    // for Verb::help: the text to print

    [[nodiscard]] bool has(const char* name) const { return switches.count(name) > 0; }
};

// `words` without the program's name. Relative paths given by flag become absolute (by the working
// directory). Throws Error (usage) with one sentence.
[[nodiscard]] CommandLine parse_command_line(std::vector<std::string> words);

// The text of `odysseus --help`, or of `odysseus VERB --help`; "" for a command that there is not.
[[nodiscard]] std::string help_text(const std::string& verb);

// The completion script for bash, zsh or fish, for a shell to source; throws Error (usage) for
// another shell.
[[nodiscard]] std::string completion_script(const std::string& shell);

} // namespace odysseus::settings
