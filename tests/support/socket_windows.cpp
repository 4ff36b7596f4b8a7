#include "socket.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <winsock2.h>
#include <ws2tcpip.h>

namespace odysseus {
namespace {

constexpr int k_backlog = 1024;

// Winsock must be started once in a process before any socket.
void start_winsock() {
    static const int started = [] {
        WSADATA data{};
        return ::WSAStartup(MAKEWORD(2, 2), &data);
    }();
    (void)started;
}

SOCKET native(const Socket& socket) {
    return static_cast<SOCKET>(socket.native());
}

Socket owned(SOCKET socket) {
    return socket == INVALID_SOCKET ? Socket() : Socket(static_cast<Socket::Native>(socket));
}

void set_option(SOCKET socket, int level, int name) {
    const char on[sizeof(int)] = {1};
    (void)::setsockopt(socket, level, name, on, sizeof on);
}

void make_ready(SOCKET socket) {
    u_long on = 1;
    (void)::ioctlsocket(socket, FIONBIO, &on);
    (void)::SetHandleInformation(reinterpret_cast<HANDLE>(socket), HANDLE_FLAG_INHERIT, 0);
    set_option(socket, IPPROTO_TCP, TCP_NODELAY);
}

std::string address_text(const sockaddr_storage& address, int length) {
    std::array<char, NI_MAXHOST> text{};
    const int failed =
        ::getnameinfo(reinterpret_cast<const sockaddr*>(&address), length, text.data(),
                      static_cast<DWORD>(text.size()), nullptr, 0, NI_NUMERICHOST);
    return failed != 0 ? "?" : text.data();
}

Error listen_error(int error, const std::string& host, int port) {
    if (error == WSAEADDRINUSE || error == WSAEACCES)
        return Error(Fault::busy,
                     concat("port ", port, " on ", host,
                            " is taken by another program; choose another with --port"));
    return Error(Fault::usage, concat("cannot listen on ", host, " port ", port, ": Winsock error ",
                                      error, "; see --host and --port"));
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
    if (m_native != k_none) ::closesocket(static_cast<SOCKET>(release()));
}

Transfer receive(const Socket& socket, char* into, std::size_t room) {
    constexpr std::size_t k_room_max = 1 << 30;
    const int got = ::recv(native(socket), into, static_cast<int>(std::min(room, k_room_max)), 0);
    if (got > 0) return {Moved::some, static_cast<std::size_t>(got)};
    if (got == 0) return {Moved::closed, 0};
    return {::WSAGetLastError() == WSAEWOULDBLOCK ? Moved::later : Moved::broken, 0};
}

Transfer send(const Socket& socket, std::span<const std::string_view> pieces) {
    std::array<WSABUF, k_pieces_max> buffers{};
    const auto count = std::min(pieces.size(), buffers.size());
    for (std::size_t i = 0; i < count; ++i) {
        buffers[i].buf = const_cast<char*>(pieces[i].data());
        buffers[i].len = static_cast<ULONG>(pieces[i].size());
    }
    DWORD sent = 0;
    if (::WSASend(native(socket), buffers.data(), static_cast<DWORD>(count), &sent, 0, nullptr,
                  nullptr) == 0)
        return {Moved::some, sent};
    return {::WSAGetLastError() == WSAEWOULDBLOCK ? Moved::later : Moved::broken, 0};
}

Socket listen_on(const std::string& host, int port) {
    start_winsock();
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* raw = nullptr;
    const int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &raw);
    if (failed != 0)
        throw Error(Fault::usage, concat("cannot listen on ", host, ": ", ::gai_strerrorA(failed),
                                         "; --host takes an address of this machine"));
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(raw, ::freeaddrinfo);
    int error = WSAEADDRNOTAVAIL;
    for (const auto* entry = addresses.get(); entry != nullptr; entry = entry->ai_next) {
        auto socket = owned(::socket(entry->ai_family, entry->ai_socktype, entry->ai_protocol));
        if (!socket) {
            error = ::WSAGetLastError();
            continue;
        }
        make_ready(native(socket));
        // SO_REUSEADDR would let two programs share the port here.
        set_option(native(socket), SOL_SOCKET, SO_EXCLUSIVEADDRUSE);
        if (::bind(native(socket), entry->ai_addr, static_cast<int>(entry->ai_addrlen)) == 0 &&
            ::listen(native(socket), k_backlog) == 0)
            return socket;
        error = ::WSAGetLastError();
    }
    throw listen_error(error, host, port);
}

int port_of(const Socket& listener) {
    sockaddr_storage address{};
    int length = sizeof address;
    if (::getsockname(native(listener), reinterpret_cast<sockaddr*>(&address), &length) != 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
    return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

AcceptState accept_from(const Socket& listener, Accepted& accepted) {
    sockaddr_storage address{};
    int length = sizeof address;
    auto socket = owned(::accept(native(listener), reinterpret_cast<sockaddr*>(&address), &length));
    if (!socket) {
        const int error = ::WSAGetLastError();
        return error == WSAEMFILE || error == WSAENOBUFS ? AcceptState::exhausted
                                                         : AcceptState::none;
    }
    make_ready(native(socket));
    accepted = {std::move(socket), address_text(address, length)};
    return AcceptState::accepted;
}

Socket connect_to_loopback(int port) {
    start_winsock();
    auto socket = owned(::socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
    if (!socket) return {};
    make_ready(native(socket));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(native(socket), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
            0 &&
        ::WSAGetLastError() != WSAEWOULDBLOCK)
        return {};
    return socket;
}

bool is_connected(const Socket& socket) {
    int error = 0;
    int length = sizeof error;
    return ::getsockopt(native(socket), SOL_SOCKET, SO_ERROR, reinterpret_cast<char*>(&error),
                        &length) == 0 &&
           error == 0;
}

void shut_down_sending(const Socket& socket) {
    (void)::shutdown(native(socket), SD_SEND);
}

std::size_t allow_sockets(std::size_t wanted) {
    return wanted; // bounded by memory alone
}

} // namespace odysseus
