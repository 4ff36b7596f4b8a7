// Both ends of HTTP spoken byte by byte: a client that sends what a test says, and a server that
// answers what a test says. Every wait has a deadline. What is read as a message is read strictly
// (message_reader.hpp): BadHttp fails the test that reads, and a llama-server that is asked in bad
// HTTP answers 599.
#pragma once

#include "message_reader.hpp"

#include "poller.hpp"
#include "socket.hpp"

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
    // `reads`: what the other side sends.
    explicit RawConnection(Socket socket, MessageKind reads = MessageKind::answer);
    // Throws std::runtime_error when the other side does not take it in time, or has gone.
    void send(std::string_view bytes);
    // One message, whole and as it came, and nothing of what is behind it. An answer must come; in
    // place of a request the other side may end the connection: then it is empty.
    std::string read_message();
    std::string read_answer_to_head();
    // The message so far, once `enough` says so of it; read_message() gives all of it later.
    std::string read_part(const std::function<bool(std::string_view)>& enough);
    // One answer, the last: then the connection ends.
    std::string read_last_message();
    // An answer that the other side ends before it is whole.
    std::string read_cut_message();
    // Whether the other side ends the connection in time; throws when it sends anything before.
    bool ends_within(std::chrono::milliseconds patience);
    [[nodiscard]] bool ended() const { return m_ended; }
    void end_sending();
    void close() { m_socket.close(); }
    void reset(); // ends the connection as a crash does: what was not sent is lost

  private:
    bool receive_some(std::chrono::steady_clock::time_point until);
    std::string read_one(MessageKind kind);
    void refuse_what_is_left();
    bool read_on(MessageReader& reader);

    Socket m_socket;
    MessageKind m_reads;
    std::unique_ptr<Poller> m_poller;
    MessageReader m_message; // the present one
    std::string m_in;        // behind it
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
    Socket m_listener;
    int m_port = 0;
    std::atomic<bool> m_stop{false};
    std::atomic<int> m_connections{0};
    std::unique_ptr<Poller> m_poller;
    std::vector<std::thread> m_threads;
    std::thread m_acceptor;
};

// A script that answers every request on a connection with `answer(request)`, until it ends.
[[nodiscard]] RawServer::Script
answering(std::function<std::string(const std::string& request)> answer);

[[nodiscard]] std::string ok_answer(std::string_view body,
                                    std::string_view type = "application/json");
[[nodiscard]] std::string chunk(std::string_view content);
[[nodiscard]] std::string body_of(const std::string& message); // as it came
[[nodiscard]] std::string content_of(std::string_view answer); // without the chunks
[[nodiscard]] int status_of(const std::string& answer);

} // namespace odysseus::test
