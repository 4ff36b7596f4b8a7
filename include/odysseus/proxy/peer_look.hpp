// One look at other machines, for doctor.
#pragma once

#include "odysseus/proxy/peer_address.hpp"
#include "odysseus/proxy/peer_view.hpp"

#include <vector>

namespace odysseus::proxy {

// Asks each of them once, all at one time; returns within some seconds. Throws only for want of
// memory or threads.
[[nodiscard]] std::vector<PeerStatus> look_at_peers(const std::vector<PeerAddress>& peers);

} // namespace odysseus::proxy
