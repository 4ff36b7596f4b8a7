// The answers to GET /health, /metrics, /odysseus, /odysseus/status and /odysseus/log.
#pragma once

#include "endpoints.hpp"
#include "http_forward.hpp"

#include <string_view>

namespace odysseus {

class ProxyCore;

[[nodiscard]] OwnAnswer own_page(Endpoint endpoint, std::string_view query, ProxyCore& core);

} // namespace odysseus
