#include "odysseus/base/text.hpp"
#include "odysseus/system/port_owner.hpp"
#include "odysseus/system/port_text.hpp"
#include "odysseus/system/run_tool.hpp"

namespace odysseus::system {

std::optional<PortOwner> port_owner(int port) {
    const auto result =
        run_tool({"/usr/sbin/lsof", "-nP", concat("-iTCP:", port), "-sTCP:LISTEN", "-Fpc"});
    const auto user = lsof_user(result.out);
    if (!user) return std::nullopt;
    return PortOwner{user->pid, user->name};
}

} // namespace odysseus::system
