// Waits for many sockets at once: epoll on Linux, poll on macOS, WSAPoll on Windows. Level
// triggered: what is not taken is told again.
#pragma once

#include "socket.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

namespace odysseus {

struct Interest {
    bool read = false;
    bool write = false;
    bool hang_up = true; // where the system can tell it apart from reading (Linux)
    bool operator==(const Interest&) const = default;
};

struct Ready {
    void* owner = nullptr; // as given with the socket
    bool readable = false; // also at the end of the stream, and on failure
    bool writable = false;
    bool hung_up = false; // the other side will send no more (told on Linux even if not asked)
};

// For one thread, but for wake().
class Poller {
  public:
    Poller(); // throws Error (bug) when the system gives none
    ~Poller();
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;

    void add(const Socket& socket, void* owner, Interest interest);
    void change(const Socket& socket, void* owner, Interest interest);
    void remove(const Socket& socket);

    // Waits until something is ready, the time is over or wake() was called; no limit: for ever.
    void wait(std::optional<std::chrono::milliseconds> limit, std::vector<Ready>& ready);
    // Ends the present or the next wait. From any thread.
    void wake();

  private:
    struct State;
    std::unique_ptr<State> m_state;
};

} // namespace odysseus
