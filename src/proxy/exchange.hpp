// One request to llama-server, or to another machine, and its answer, as content without its
// framing.
#pragma once

#include "odysseus/proxy/http_head.hpp"

#include "loop.hpp"

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace odysseus::proxy {

class Exchange {
  public:
    enum class Came {
        some,   // the head, or a piece of content
        end,    // there is no more content
        broken, // the connection ended too early, or there is none
        no_http,
    };

    // The request's pieces must stay where they are until request_sent().
    Exchange(Waiter& waiter, std::array<std::string_view, 4> request, bool to_head)
        : m_waiter(waiter), m_request(request), m_to_head(to_head) {}
    ~Exchange();
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    // Sends the request and reads the answer's head, with what came behind it. A connection that
    // the other side closed while it was idle is replaced, once.
    [[nodiscard]] Task<Came> begin(const Destination& to);
    [[nodiscard]] Task<Came> next();
    [[nodiscard]] bool request_sent() const { return m_sent_all; }
    // The connection may serve another request, if this one has come to a clean end.
    void release();

    ResponseHead head;
    [[nodiscard]] std::string_view content() const { return m_content; } // until the next wait
    [[nodiscard]] bool complete() const { return m_complete; }
    TimePoint until = TimePoint::max(); // for all of it; then it is broken
    std::chrono::milliseconds connect_max{10'000};
    std::string trouble;                                   // why TLS broke it; empty: it did not
    std::optional<std::chrono::microseconds> connected_in; // absent: it was there already

  private:
    [[nodiscard]] Task<bool> connect(const Destination& to, bool fresh);
    [[nodiscard]] Task<Came> read_head();
    [[nodiscard]] Task<Connection::Moved> receive();
    void send_more();
    void take(char* bytes, std::size_t count);
    char* without_framing(char* bytes, std::size_t count);
    void drop();

    Waiter& m_waiter;
    std::array<std::string_view, 4> m_request; // what is left of it
    const bool m_to_head;
    std::shared_ptr<Connection> m_connection;
    std::size_t m_sent = 0;
    bool m_sending = true;
    bool m_sent_all = false;
    std::string m_in; // the head, which `head` points into, and what came with it
    ChunkWalker m_chunks;
    std::uint64_t m_left = 0; // of an answer of known length
    std::string_view m_content;
    bool m_complete = false;
    bool m_extra = false; // bytes behind the answer's end
};

// The content of an answer from where it is, or as much of it as `bytes_max` asks for.
[[nodiscard]] Task<std::string> rest_of(Exchange& exchange, std::size_t bytes_max);

} // namespace odysseus::proxy
