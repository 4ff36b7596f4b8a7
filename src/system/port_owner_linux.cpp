#include "odysseus/system/port_owner.hpp"

#include "odysseus/system/proc_linux.hpp"

namespace odysseus::system {

std::optional<PortOwner> port_owner(int port) {
    const auto sockets = listening_sockets(port);
    if (sockets.empty()) return std::nullopt;
    std::error_code error;
    for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end;
         entry.increment(error)) {
        const auto pid = parsed_int(utf8(entry->path().filename()));
        if (!pid || !holds_one_of(entry->path(), sockets)) continue;
        const auto name = kernel_file(entry->path() / "comm").value_or("");
        return PortOwner{pid, std::string(trimmed(name))};
    }
    return PortOwner{};
}

} // namespace odysseus::system
