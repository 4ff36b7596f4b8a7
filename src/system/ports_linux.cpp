#include "odysseus/system/ports.hpp"
#include "odysseus/system/process_info.hpp"

#include "odysseus/system/proc_linux.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

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

bool is_foreign_connection(int port, int to) {
    const auto user = user_of_connection(kernel_file("/proc/self/net/tcp").value_or(""), port, to);
    return user && *user != static_cast<std::int64_t>(::geteuid());
}

void notice_lost_host(std::intptr_t socket) {
    const auto set = [socket](int level, int option, int value) {
        ::setsockopt(static_cast<int>(socket), level, option, &value, sizeof value);
    };
    set(IPPROTO_TCP, TCP_KEEPIDLE, 5);
    set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
    set(IPPROTO_TCP, TCP_KEEPCNT, 3);
    set(IPPROTO_TCP, TCP_USER_TIMEOUT, 30'000); // ms in which nothing that was sent arrives
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
}

} // namespace odysseus::system
