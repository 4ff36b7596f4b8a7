// Is the llama-server that we started ready? Asked once each time there is reason to hope (its log
// line "listening on", a slow fall-back): the waiting is the supervisor's.
#pragma once

#include "odysseus/server/llama_client.hpp"

#include <cstdint>
#include <string>
#include <variant>

namespace odysseus::server {

struct Ready {
    std::string build; // "b11669", as it says itself; may be empty
};
struct NotYet {
    std::string reason;
};
struct Foreign { // somebody else serves this port
    std::string reason;
};
struct WrongRole { // it is llama-server, and not a router
    std::string reason;
};
using Readiness = std::variant<Ready, NotYet, Foreign, WrongRole>;

// Its /health answers, its /props says "router", and the port is served by the process `pid` or one
// of its children (where the system tells). Takes k_check_limit at most.
inline constexpr std::chrono::milliseconds k_check_limit{3000};
[[nodiscard]] Readiness check_readiness(const LlamaAddress& address, std::int64_t pid);

} // namespace odysseus::server
