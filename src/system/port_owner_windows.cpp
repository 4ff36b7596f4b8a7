#include "odysseus/base/text.hpp"
#include "odysseus/system/port_owner.hpp"
#include "odysseus/system/port_text.hpp"
#include "odysseus/system/run_tool.hpp"

namespace odysseus::system {

std::optional<PortOwner> port_owner(int port) {
    const auto table = run_tool({"netstat.exe", "-ano", "-p", "TCP"});
    const auto pid = netstat_pid(table.out, port);
    if (!pid) return std::nullopt;
    const auto task =
        run_tool({"tasklist.exe", "/fo", "csv", "/nh", "/fi", concat("PID eq ", *pid)});
    return PortOwner{pid, tasklist_name(task.out)};
}

} // namespace odysseus::system
