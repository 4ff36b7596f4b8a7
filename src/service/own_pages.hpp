// The answers to GET /health, /metrics, /odysseus and /odysseus/status.
#pragma once

#include "odysseus/logic/endpoints.hpp"
#include "odysseus/logic/http_forward.hpp"

namespace odysseus {

class ProxyCore;

[[nodiscard]] OwnAnswer own_page(Endpoint endpoint, ProxyCore& core);

} // namespace odysseus
