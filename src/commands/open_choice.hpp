// Whether a launch shows its page in the browser.
#pragma once

#include <optional>

namespace odysseus::commands {

struct OpenFacts {
    std::optional<bool> wish; // --open; absent: nobody said
    bool first_run = false;   // of this HOME
    bool at_terminal = false; // a person reads what is printed
    bool has_desktop = false;
    bool in_ci = false; // a program started us
};

enum class Opening {
    no,
    yes,
    impossible, // it was asked for, but there is nothing to show it on
};
[[nodiscard]] Opening opening_of(const OpenFacts& facts);

} // namespace odysseus::commands
