// A client's connection as bytes, and all that can be noticed about the client while something else
// is waited for: that it leaves, that it takes nothing, that a stream needs a sign of life.
#pragma once

#include "byte_buffer.hpp"
#include "loop.hpp"

#include <initializer_list>
#include <string>
#include <string_view>

namespace odysseus::proxy {

// Thrown where the session waits or sends when nobody is there to be answered any more.
struct ClientGone {};

class ClientStream final : public Waiter {
  public:
    // `tls`: what the client is to speak; null: nothing but HTTP.
    ClientStream(Loop& loop, TcpSocket socket, std::chrono::milliseconds write_pause,
                 std::shared_ptr<system::TlsContext> tls = {});
    [[nodiscard]] bool spoke_plain() const { return m_connection->spoke_plain(); }
    ~ClientStream() override;

    // At least one byte; 0: none came until then.
    [[nodiscard]] Task<std::size_t> read(char* into, std::size_t room, TimePoint until);
    // Sends what goes now and keeps the rest, which goes while the session waits.
    void send(std::initializer_list<std::string_view> pieces);
    [[nodiscard]] bool all_taken() const { return m_out.empty(); }
    [[nodiscard]] Task<> taken(); // until nothing is kept
    // Says that nothing more will come, and reads on for a moment so that the client sees it.
    [[nodiscard]] Task<> linger();

    // Between two requests nobody waits for an answer, so that the end of the connection is no
    // loss.
    void set_idle(bool idle);
    // From now on the client is answered: if it ends its side, it has gone.
    void set_answering(bool answering);
    [[nodiscard]] bool gone() const { return m_gone; }

    // From now on the client is sent a sign of life each time that `every` goes by; `head` before
    // the first one.
    void keep_alive(std::string head, std::string_view sign, std::chrono::milliseconds every);
    void end_keep_alive() { m_next_sign = TimePoint::max(); }
    [[nodiscard]] bool signs_sent() const { return m_signs_sent; }

    std::string in; // read, and not used yet

  protected:
    void before_pause(TimePoint& until) override;
    void woken() override;

  private:
    [[noreturn]] void leave();
    std::size_t write(std::span<const asio::const_buffer> pieces);
    void flush();
    void look_for_end();
    void send_sign();

    const std::shared_ptr<Connection> m_connection;
    const std::chrono::milliseconds m_write_pause;
    ByteBuffer m_out;
    TimePoint m_write_since; // the client last took something
    bool m_idle = true;
    bool m_answering = false;
    bool m_gone = false;
    std::size_t m_unread = 0; // further requests that wait in the socket

    std::string m_sign_head;
    std::string m_sign;
    std::chrono::milliseconds m_sign_every{0};
    TimePoint m_next_sign = TimePoint::max();
    bool m_signs_sent = false;
};

} // namespace odysseus::proxy
