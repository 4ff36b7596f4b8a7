// TCP ports of this machine. An answer is true at the moment of asking only: who needs the port
// binds it, and asks for another when that fails.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace odysseus::platform {

// Nobody listens on it and it can be bound. `address`: "127.0.0.1", "0.0.0.0", "::1"...
[[nodiscard]] bool port_is_free(const std::string& address, int port);
// The first free one from `from` on; nothing when the next k_ports_tried are all taken.
inline constexpr int k_ports_tried = 100;
[[nodiscard]] std::optional<int> next_free_port(const std::string& address, int from);

// Whether the process `pid`, or one of its children, listens on this port of 127.0.0.1 (or of
// every address). Nothing: this system does not tell.
[[nodiscard]] std::optional<bool> listens_on(std::int64_t pid, int port);

} // namespace odysseus::platform
