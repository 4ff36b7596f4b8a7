// Who listens on a TCP port of this machine, for a person to read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace odysseus::system {

struct PortOwner {
    std::optional<std::int64_t> pid; // absent: another user's program, or the system does not tell
    std::string name;                // empty likewise
};
// Nothing: nobody listens on it. May take some tenths of a second: other programs are asked on
// macOS and Windows.
[[nodiscard]] std::optional<PortOwner> port_owner(int port);

} // namespace odysseus::system
