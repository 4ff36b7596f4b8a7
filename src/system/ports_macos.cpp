#include "odysseus/system/ports.hpp"

#include <arpa/inet.h>
#include <libproc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <vector>

namespace odysseus::system {

std::optional<bool> listens_on(std::int64_t pid, int port) {
    const int number = static_cast<int>(pid);
    const int bytes = ::proc_pidinfo(number, PROC_PIDLISTFDS, 0, nullptr, 0);
    if (bytes <= 0) return std::nullopt;
    std::vector<proc_fdinfo> descriptors(static_cast<std::size_t>(bytes) / sizeof(proc_fdinfo) + 8);
    const int filled = ::proc_pidinfo(number, PROC_PIDLISTFDS, 0, descriptors.data(),
                                      static_cast<int>(descriptors.size() * sizeof(proc_fdinfo)));
    if (filled <= 0) return std::nullopt;
    descriptors.resize(static_cast<std::size_t>(filled) / sizeof(proc_fdinfo));
    for (const auto& descriptor : descriptors) {
        if (descriptor.proc_fdtype != PROX_FDTYPE_SOCKET) continue;
        socket_fdinfo socket{};
        if (::proc_pidfdinfo(number, descriptor.proc_fd, PROC_PIDFDSOCKETINFO, &socket,
                             sizeof socket) <= 0) {
            continue;
        }
        const auto& tcp = socket.psi.soi_proto.pri_tcp;
        if (socket.psi.soi_kind == SOCKINFO_TCP && tcp.tcpsi_state == TSI_S_LISTEN &&
            ntohs(static_cast<std::uint16_t>(tcp.tcpsi_ini.insi_lport)) == port) {
            return true;
        }
    }
    return false;
}

bool is_foreign_connection(int /*port*/, int /*to*/) {
    return false;
}

void notice_lost_host(std::intptr_t socket) {
    const auto set = [socket](int level, int option, int value) {
        ::setsockopt(static_cast<int>(socket), level, option, &value, sizeof value);
    };
    set(IPPROTO_TCP, TCP_KEEPALIVE, 5);
    set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
    set(IPPROTO_TCP, TCP_KEEPCNT, 3);
    set(IPPROTO_TCP, TCP_RXT_CONNDROPTIME, 30); // s in which nothing that was sent arrives
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
}

} // namespace odysseus::system
