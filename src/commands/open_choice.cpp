#include "open_choice.hpp"

namespace odysseus::commands {

Opening opening_of(const OpenFacts& facts) {
    const bool can = facts.has_desktop && !facts.in_ci;
    if (facts.wish) return !*facts.wish ? Opening::no : can ? Opening::yes : Opening::impossible;
    return can && facts.first_run && facts.at_terminal ? Opening::yes : Opening::no;
}

} // namespace odysseus::commands
