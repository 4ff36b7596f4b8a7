#include "socket.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utility>

namespace odysseus {
namespace {

constexpr int k_backlog = 1024;
#ifdef MSG_NOSIGNAL
constexpr int k_send_flags = MSG_NOSIGNAL;
#else
constexpr int k_send_flags = 0; // SO_NOSIGPIPE is set instead
#endif

int native(const Socket& socket) {
    return static_cast<int>(socket.native());
}

void set_option(int fd, int level, int name) {
    const int on = 1;
    (void)::setsockopt(fd, level, name, &on, sizeof on);
}

void make_ready(int fd) {
    (void)::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    (void)::fcntl(fd, F_SETFD, FD_CLOEXEC);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY); // an event must not wait for the one before
#ifdef SO_NOSIGPIPE
    set_option(fd, SOL_SOCKET, SO_NOSIGPIPE);
#endif
}

bool is_for_later(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

std::string address_text(const sockaddr_storage& address, socklen_t length) {
    std::array<char, NI_MAXHOST> text{};
    const int failed = ::getnameinfo(reinterpret_cast<const sockaddr*>(&address), length,
                                     text.data(), text.size(), nullptr, 0, NI_NUMERICHOST);
    return failed != 0 ? "?" : text.data();
}

Error listen_error(int error, const std::string& host, int port) {
    if (error == EADDRINUSE)
        return Error(Fault::busy,
                     concat("port ", port, " on ", host,
                            " is taken by another program; choose another with --port"));
    return Error(Fault::usage, concat("cannot listen on ", host, " port ", port, ": ",
                                      std::strerror(error), "; see --host and --port"));
}

} // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
    if (this != &other) {
        close();
        m_native = other.release();
    }
    return *this;
}

Socket::Native Socket::release() {
    return std::exchange(m_native, k_none);
}

void Socket::close() {
    if (m_native != k_none) ::close(static_cast<int>(release()));
}

Transfer receive(const Socket& socket, char* into, std::size_t room) {
    const auto got = ::recv(native(socket), into, room, 0);
    if (got > 0) return {Moved::some, static_cast<std::size_t>(got)};
    if (got == 0) return {Moved::closed, 0};
    return {is_for_later(errno) ? Moved::later : Moved::broken, 0};
}

Transfer send(const Socket& socket, std::span<const std::string_view> pieces) {
    std::array<iovec, k_pieces_max> vectors{};
    const auto count = std::min(pieces.size(), vectors.size());
    for (std::size_t i = 0; i < count; ++i) {
        vectors[i].iov_base = const_cast<char*>(pieces[i].data());
        vectors[i].iov_len = pieces[i].size();
    }
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
    const auto sent = ::sendmsg(native(socket), &message, k_send_flags);
    if (sent >= 0) return {Moved::some, static_cast<std::size_t>(sent)};
    return {is_for_later(errno) ? Moved::later : Moved::broken, 0};
}

Socket listen_on(const std::string& host, int port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* raw = nullptr;
    const int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &raw);
    if (failed != 0)
        throw Error(Fault::usage, concat("cannot listen on ", host, ": ", ::gai_strerror(failed),
                                         "; --host takes an address of this machine"));
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(raw, ::freeaddrinfo);
    int error = EADDRNOTAVAIL;
    for (const auto* entry = addresses.get(); entry != nullptr; entry = entry->ai_next) {
        Socket socket(::socket(entry->ai_family, entry->ai_socktype, entry->ai_protocol));
        if (!socket) {
            error = errno;
            continue;
        }
        make_ready(native(socket));
        set_option(native(socket), SOL_SOCKET, SO_REUSEADDR);
        if (::bind(native(socket), entry->ai_addr, entry->ai_addrlen) == 0 &&
            ::listen(native(socket), k_backlog) == 0)
            return socket;
        error = errno;
    }
    throw listen_error(error, host, port);
}

int port_of(const Socket& listener) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (::getsockname(native(listener), reinterpret_cast<sockaddr*>(&address), &length) != 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
    return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

AcceptState accept_from(const Socket& listener, Accepted& accepted) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    Socket socket(::accept(native(listener), reinterpret_cast<sockaddr*>(&address), &length));
    if (!socket)
        return errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM
                   ? AcceptState::exhausted
                   : AcceptState::none;
    make_ready(native(socket));
    accepted = {std::move(socket), address_text(address, length)};
    return AcceptState::accepted;
}

Socket connect_to_loopback(int port) {
    Socket socket(::socket(AF_INET, SOCK_STREAM, 0));
    if (!socket) return {};
    make_ready(native(socket));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(native(socket), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
            0 &&
        errno != EINPROGRESS)
        return {};
    return socket;
}

bool is_connected(const Socket& socket) {
    int error = 0;
    socklen_t length = sizeof error;
    return ::getsockopt(native(socket), SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0;
}

void shut_down_sending(const Socket& socket) {
    (void)::shutdown(native(socket), SHUT_WR);
}

std::size_t allow_sockets(std::size_t wanted) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
    if (limit.rlim_cur < wanted) {
        auto raised = limit;
        raised.rlim_cur = std::min<rlim_t>(static_cast<rlim_t>(wanted), limit.rlim_max);
        if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    }
    return static_cast<std::size_t>(std::min<rlim_t>(limit.rlim_cur, static_cast<rlim_t>(wanted)));
}

} // namespace odysseus
