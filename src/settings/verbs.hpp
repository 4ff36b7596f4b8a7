// The table of commands: what the help, the completions and the parser know of each.
#pragma once

#include "odysseus/settings/command_line.hpp"

#include <cstddef>
#include <vector>

namespace odysseus::settings {

struct VerbSwitch {
    const char* flag;
    const char* help;
};

struct VerbSpec {
    Verb verb;
    const char* name;
    const char* usage;                     // what follows "odysseus "
    const char* help;                      // one line
    const char* examples;                  // lines, each a command with what it does
    std::vector<VerbSwitch> switches = {}; // beside the settings
    std::size_t words_least = 0;
    std::size_t words_most = 0;
    const char* completions = "";           // words that may follow
    std::vector<const char*> settings = {}; // that its help shows; all others: odysseus --help
};

[[nodiscard]] const std::vector<VerbSpec>& verb_specs();

struct ExitMeaning {
    int code;
    const char* meaning;
};
[[nodiscard]] const std::vector<ExitMeaning>& exit_meanings();

} // namespace odysseus::settings
