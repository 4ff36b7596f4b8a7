// The answers to GET /health, /metrics, /odysseus, /odysseus/status, /odysseus/log and
// /odysseus/pull.
#pragma once

#include "endpoints.hpp"
#include "http_forward.hpp"

#include <string_view>

namespace odysseus::proxy {

struct Shared;

[[nodiscard]] OwnAnswer own_page(Endpoint endpoint, std::string_view query, const Shared& shared);

} // namespace odysseus::proxy
