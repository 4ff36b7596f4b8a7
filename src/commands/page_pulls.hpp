// GET and POST /odysseus/pull: what the page offers to fetch on this machine, and fetching it.
#pragma once

#include "odysseus/hardware/machine.hpp"
#include "odysseus/proxy/proxy.hpp"
#include "odysseus/settings/settings.hpp"

namespace odysseus::commands {

void offer_pulls(proxy::ProxyPages& pages, const settings::Settings& settings,
                 const hardware::Machine& machine);

} // namespace odysseus::commands
