#include "odysseus/system/ports.hpp"

#include "posix_fd.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

namespace odysseus::system {
namespace {

socklen_t fill(sockaddr_storage& storage, const std::string& address, int port) {
    std::memset(&storage, 0, sizeof storage);
    if (address.find(':') != std::string::npos) {
        auto* six = reinterpret_cast<sockaddr_in6*>(&storage);
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(static_cast<std::uint16_t>(port));
        if (::inet_pton(AF_INET6, address.c_str(), &six->sin6_addr) != 1) return 0;
        return sizeof(sockaddr_in6);
    }
    auto* four = reinterpret_cast<sockaddr_in*>(&storage);
    four->sin_family = AF_INET;
    four->sin_port = htons(static_cast<std::uint16_t>(port));
    if (::inet_pton(AF_INET, address.c_str(), &four->sin_addr) != 1) return 0;
    return sizeof(sockaddr_in);
}

// What the system says to a program that would listen there; 0: it may.
int error_of_listening(const std::string& address, int port) {
    sockaddr_storage storage;
    const auto length = fill(storage, address, port);
    if (length == 0) return EINVAL;
    const Fd socket(::socket(storage.ss_family, SOCK_STREAM, 0));
    if (!socket) return errno;
    set_close_on_exec(socket.get());
    // As servers do: a connection that is still closing (TIME_WAIT) does not make a port taken.
    const int yes = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    const bool listens =
        ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length) == 0 &&
        ::listen(socket.get(), 1) == 0;
    return listens ? 0 : errno;
}

} // namespace

bool port_is_free(const std::string& address, int port) {
    if (address != "localhost") return error_of_listening(address, port) == 0;
    // ::1 need not be there, but must not be another program's.
    return error_of_listening("127.0.0.1", port) == 0 &&
           error_of_listening("::1", port) != EADDRINUSE;
}

std::optional<int> next_free_port(const std::string& address, int from) {
    for (int port = from; port < from + k_ports_tried && port <= 65535; ++port) {
        if (port_is_free(address, port)) return port;
    }
    return std::nullopt;
}

void claim_port(std::intptr_t socket) {
    const int yes = 1; // TIME_WAIT, as above
    ::setsockopt(static_cast<int>(socket), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    keep_from_children(socket);
}

void keep_from_children(std::intptr_t socket) {
    set_close_on_exec(static_cast<int>(socket));
}

std::size_t allow_open_files(std::size_t wanted) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
    if (limit.rlim_cur < wanted) {
        auto raised = limit;
        raised.rlim_cur = std::min<rlim_t>(static_cast<rlim_t>(wanted), limit.rlim_max);
        if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    }
    return static_cast<std::size_t>(std::min<rlim_t>(limit.rlim_cur, static_cast<rlim_t>(wanted)));
}

} // namespace odysseus::system
