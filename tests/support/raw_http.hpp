// Both ends of HTTP spoken byte by byte: a client that sends what a test says, and a server that
// answers what a test says. Every wait has a deadline.
#pragma once

#include "odysseus/platform/poller.hpp"
#include "odysseus/platform/socket.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace odysseus::test {

inline constexpr std::chrono::milliseconds k_patience{5000};

class RawConnection {
  public:
    explicit RawConnection(platform::Socket socket);
    // Throws std::runtime_error when the other side does not take it in time, or has gone.
    void send(std::string_view bytes);
    // What has come and was not taken yet, once `enough` says so or the other side has ended;
    // throws when neither happens in time.
    std::string read_until(const std::function<bool(std::string_view)>& enough,
                           std::chrono::milliseconds patience = k_patience);
    std::string read_to_end(std::chrono::milliseconds patience = k_patience);
    // A whole request or answer with Content-Length, chunks or no body.
    std::string read_message();
    // Whether the other side ends the connection in time; what still comes is thrown away.
    bool ends_within(std::chrono::milliseconds patience);
    [[nodiscard]] bool ended() const { return m_ended; }
    void end_sending();
    void close() { m_socket.close(); }

  private:
    void receive_some(std::chrono::steady_clock::time_point until);
    platform::Socket m_socket;
    std::unique_ptr<platform::Poller> m_poller;
    std::string m_in;
    bool m_ended = false;
};

[[nodiscard]] RawConnection connect_raw(int port);

// One thread for each connection; the script runs until it returns or the server ends.
class RawServer {
  public:
    using Script = std::function<void(RawConnection&)>;
    explicit RawServer(Script script);
    ~RawServer();
    [[nodiscard]] int port() const { return m_port; }
    [[nodiscard]] int connections() const { return m_connections; }

  private:
    void accept_all();
    Script m_script;
    platform::Socket m_listener;
    int m_port = 0;
    std::atomic<bool> m_stop{false};
    std::atomic<int> m_connections{0};
    std::unique_ptr<platform::Poller> m_poller;
    std::vector<std::thread> m_threads;
    std::thread m_acceptor;
};

// A script that answers every request on a connection with `answer(request)`, until it ends.
[[nodiscard]] RawServer::Script
answering(std::function<std::string(const std::string& request)> answer);

[[nodiscard]] std::string ok_answer(std::string_view body,
                                    std::string_view type = "application/json");
[[nodiscard]] std::string chunk(std::string_view content);
[[nodiscard]] std::string body_of(const std::string& message);
[[nodiscard]] int status_of(const std::string& answer);

} // namespace odysseus::test
