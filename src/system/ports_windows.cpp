#include "odysseus/system/ports.hpp"

#include <cstring>
#include <vector>
#include <winsock2.h>
// After winsock2.h, which they extend.
#include <iphlpapi.h>
#include <mstcpip.h>
#include <windows.h>
#include <ws2tcpip.h>

namespace odysseus::system {
namespace {

bool winsock() {
    static const bool ready = [] {
        WSADATA data{};
        return ::WSAStartup(MAKEWORD(2, 2), &data) == 0;
    }();
    return ready;
}

int fill(sockaddr_storage& storage, const std::string& address, int port) {
    std::memset(&storage, 0, sizeof storage);
    if (address.find(':') != std::string::npos) {
        auto* six = reinterpret_cast<sockaddr_in6*>(&storage);
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(static_cast<std::uint16_t>(port));
        return ::inet_pton(AF_INET6, address.c_str(), &six->sin6_addr) == 1 ? sizeof *six : 0;
    }
    auto* four = reinterpret_cast<sockaddr_in*>(&storage);
    four->sin_family = AF_INET;
    four->sin_port = htons(static_cast<std::uint16_t>(port));
    return ::inet_pton(AF_INET, address.c_str(), &four->sin_addr) == 1 ? sizeof *four : 0;
}

// What the system says to a program that would listen there; 0: it may.
int error_of_listening(const std::string& address, int port) {
    sockaddr_storage storage;
    const int length = fill(storage, address, port);
    if (length == 0 || !winsock()) return WSAEINVAL;
    const SOCKET socket = ::socket(storage.ss_family, SOCK_STREAM, IPPROTO_TCP);
    if (socket == INVALID_SOCKET) return ::WSAGetLastError();
    // Without it a second socket could share the port of the first.
    const BOOL yes = TRUE;
    ::setsockopt(socket, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, reinterpret_cast<const char*>(&yes),
                 sizeof yes);
    const bool listens = ::bind(socket, reinterpret_cast<const sockaddr*>(&storage), length) == 0 &&
                         ::listen(socket, 1) == 0;
    const int error = listens ? 0 : ::WSAGetLastError();
    ::closesocket(socket);
    return error;
}

} // namespace

bool port_is_free(const std::string& address, int port) {
    if (address != "localhost") return error_of_listening(address, port) == 0;
    // ::1 need not be there, but must not be another program's.
    const int six = error_of_listening("::1", port);
    return error_of_listening("127.0.0.1", port) == 0 && six != WSAEADDRINUSE && six != WSAEACCES;
}

void claim_port(std::intptr_t socket) {
    // Without it a second socket could share the port of the first.
    const BOOL yes = TRUE;
    ::setsockopt(static_cast<SOCKET>(socket), SOL_SOCKET, SO_EXCLUSIVEADDRUSE,
                 reinterpret_cast<const char*>(&yes), sizeof yes);
    keep_from_children(socket);
}

void keep_from_children(std::intptr_t socket) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): a socket is a handle
    ::SetHandleInformation(reinterpret_cast<HANDLE>(socket), HANDLE_FLAG_INHERIT, 0);
}

bool is_foreign_connection(int /*port*/, int /*to*/) {
    return false;
}

void notice_lost_host(std::intptr_t socket) {
    tcp_keepalive wanted{1, 5'000, 1'000}; // ms before the first probe, and between ten of them
    DWORD unused = 0;
    ::WSAIoctl(static_cast<SOCKET>(socket), SIO_KEEPALIVE_VALS, &wanted, sizeof wanted, nullptr, 0,
               &unused, nullptr, nullptr);
}

std::size_t allow_open_files(std::size_t wanted) {
    return wanted; // bounded by memory alone
}

std::optional<int> next_free_port(const std::string& address, int from) {
    for (int port = from; port < from + k_ports_tried && port <= 65535; ++port) {
        if (port_is_free(address, port)) return port;
    }
    return std::nullopt;
}

std::optional<bool> listens_on(std::int64_t pid, int port) {
    ULONG size = 0;
    ::GetExtendedTcpTable(nullptr, &size, FALSE, AF_INET, TCP_TABLE_OWNER_PID_LISTENER, 0);
    std::vector<char> bytes(size + 4096);
    size = static_cast<ULONG>(bytes.size());
    if (::GetExtendedTcpTable(bytes.data(), &size, FALSE, AF_INET, TCP_TABLE_OWNER_PID_LISTENER,
                              0) != NO_ERROR) {
        return std::nullopt;
    }
    const auto* table = reinterpret_cast<const MIB_TCPTABLE_OWNER_PID*>(bytes.data());
    for (DWORD i = 0; i < table->dwNumEntries; ++i) {
        const auto& row = table->table[i];
        const int local = ntohs(static_cast<std::uint16_t>(row.dwLocalPort));
        if (local != port) continue;
        if (row.dwOwningPid == 0)
            return std::nullopt; // the system (or wine) does not tell the owner
        return static_cast<std::int64_t>(row.dwOwningPid) == pid;
    }
    return false;
}

} // namespace odysseus::system
