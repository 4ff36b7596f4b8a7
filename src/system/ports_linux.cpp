#include "odysseus/system/ports.hpp"
#include "odysseus/system/process_info.hpp"

#include "odysseus/system/proc_linux.hpp"

namespace odysseus::system {

std::optional<bool> listens_on(std::int64_t pid, int port) {
    const auto sockets = listening_sockets(port);
    if (sockets.empty()) return false;
    if (holds_one_of(concat("/proc/", pid), sockets)) return true;
    for (const auto member : group_members(pid)) {
        if (holds_one_of(concat("/proc/", member), sockets)) return true;
    }
    return false;
}

} // namespace odysseus::system
