// TCP sockets that never block: every call returns at once and says how far it came.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace odysseus {

// Owns one socket; closed with the object.
class Socket {
  public:
    using Native = std::intptr_t;
    static constexpr Native k_none = -1;

    Socket() = default;
    explicit Socket(Native native) : m_native(native) {}
    Socket(Socket&& other) noexcept : m_native(other.release()) {}
    Socket& operator=(Socket&& other) noexcept;
    ~Socket() { close(); }

    [[nodiscard]] explicit operator bool() const { return m_native != k_none; }
    [[nodiscard]] Native native() const { return m_native; }
    void close();

  private:
    Native release();
    Native m_native = k_none;
};

enum class Moved {
    some,   // at least one byte
    later,  // nothing now: wait until the poller says so
    closed, // receive: the other side has sent all it will
    broken, // reset, or not there any more
};
struct Transfer {
    Moved moved = Moved::later;
    std::size_t bytes = 0;
};

[[nodiscard]] Transfer receive(const Socket& socket, char* into, std::size_t room);
// As much of the pieces, in order, as goes; up to k_pieces_max of them in one call.
inline constexpr std::size_t k_pieces_max = 8;
[[nodiscard]] Transfer send(const Socket& socket, std::span<const std::string_view> pieces);

// Listens on `host` (a name or an address) and `port` (0: any). Throws Error: busy when the port is
// taken, usage when the address is not one of this machine.
[[nodiscard]] Socket listen_on(const std::string& host, int port);
[[nodiscard]] int port_of(const Socket& listener);

struct Accepted {
    Socket socket;
    std::string from; // the client's address
};
enum class AcceptState { accepted, none, exhausted }; // exhausted: no descriptor is left
[[nodiscard]] AcceptState accept_from(const Socket& listener, Accepted& accepted);

// A connection to 127.0.0.1 on its way: writable once it stands. Empty when it cannot even begin.
[[nodiscard]] Socket connect_to_loopback(int port);
// What became of it.
[[nodiscard]] bool is_connected(const Socket& socket);

// Says that nothing more will be sent; the other side may still send.
void shut_down_sending(const Socket& socket);

// How many sockets this process may hold, after asking the system for up to `wanted`.
[[nodiscard]] std::size_t allow_sockets(std::size_t wanted);

} // namespace odysseus
