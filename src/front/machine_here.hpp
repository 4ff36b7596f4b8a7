// The machine that pull and doctor decide for.
#pragma once

#include "odysseus/logic/machine.hpp"
#include "odysseus/logic/settings.hpp"

namespace odysseus::front {

// Probed, or as --hardware FILE says; --device decides the backend. Throws Error (usage).
[[nodiscard]] Machine machine_here(const Settings& settings);

} // namespace odysseus::front
