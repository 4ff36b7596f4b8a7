#include "client_stream.hpp"

#include <algorithm>
#include <utility>

namespace odysseus::proxy {
namespace {

constexpr std::size_t k_pieces_max = 8;
// More than this of further requests: that such a client leaves is seen when it is answered.
constexpr std::size_t k_unread_max = std::size_t{64} * 1024;
constexpr std::chrono::milliseconds k_linger{3000};

} // namespace

ClientStream::ClientStream(Loop& loop, TcpSocket socket, std::chrono::milliseconds write_pause,
                           std::shared_ptr<system::TlsContext> tls)
    : Waiter(loop), m_connection(std::make_shared<Connection>(std::move(socket))),
      m_write_pause(write_pause) {
    m_connection->owner = this;
    if (tls) m_connection->expect_tls(std::move(tls));
}

ClientStream::~ClientStream() {
    m_connection->close();
}

void ClientStream::leave() {
    m_gone = true;
    throw ClientGone{};
}

void ClientStream::set_idle(bool idle) {
    m_idle = idle;
}

void ClientStream::set_answering(bool answering) {
    m_answering = answering;
    m_signs_sent = false;
    if (!answering && m_unread > 0) (void)m_connection->expect_more_than(0);
    if (!answering && (m_unread > 0 || m_connection->holds_bytes())) m_connection->readable = true;
    m_unread = 0;
}

Task<std::size_t> ClientStream::read(char* into, std::size_t room, TimePoint until) {
    while (true) {
        if (m_connection->readable) {
            const auto got = m_connection->read(into, room);
            if (got.state == Connection::State::some) co_return got.bytes;
            if (got.state != Connection::State::later) leave();
        }
        if (Clock::now() >= until) co_return std::size_t{0};
        co_await pause(until);
    }
}

// How much of the pieces went.
std::size_t ClientStream::write(std::span<const asio::const_buffer> pieces) {
    const auto sent = m_connection->write(pieces);
    if (sent.state == Connection::State::broken) leave();
    if (sent.bytes > 0) m_write_since = Clock::now();
    return sent.bytes;
}

void ClientStream::send(std::initializer_list<std::string_view> pieces) {
    std::array<asio::const_buffer, k_pieces_max> buffers;
    std::size_t count = 0;
    for (const auto piece : pieces) {
        if (!piece.empty()) buffers.at(count++) = asio::buffer(piece);
    }
    std::size_t sent = 0;
    if (m_out.empty() && count > 0) {
        m_write_since = Clock::now();
        sent = write({buffers.data(), count});
    }
    for (const auto piece : pieces) {
        const auto skipped = std::min(sent, piece.size());
        m_out.append(piece.substr(skipped));
        sent -= skipped;
    }
    if (!m_out.empty()) m_connection->writable = false;
}

void ClientStream::flush() {
    if (m_connection->writable) {
        const asio::const_buffer rest = asio::buffer(m_out.view());
        const auto sent = write({&rest, 1});
        m_out.drop_front(sent);
        if (m_out.empty()) {
            m_out.clear();
            return;
        }
        m_connection->writable = false;
    }
    if (Clock::now() - m_write_since > m_write_pause) leave();
}

Task<> ClientStream::taken() {
    while (!m_out.empty())
        co_await pause();
}

Task<> ClientStream::linger() {
    co_await taken();
    m_connection->end_sending();
    const auto until = Clock::now() + k_linger;
    in = {};
    set_answering(false);
    while (co_await read(loop().scratch.get(), Loop::k_scratch_bytes, until) > 0) {
    }
}

void ClientStream::before_pause(TimePoint& until) {
    if (m_idle && loop().stopping && m_out.empty()) leave();
    until = std::min(until, m_next_sign);
    if (!m_out.empty()) {
        until = std::min(until, m_write_since + m_write_pause);
        m_connection->want_write();
    }
    if (m_unread <= k_unread_max) m_connection->want_read();
}

void ClientStream::woken() {
    Waiter::woken();
    if (!m_out.empty()) flush();
    if (m_idle && loop().stopping && m_out.empty()) leave();
    if (m_answering && m_connection->readable && m_unread <= k_unread_max) look_for_end();
    if (Clock::now() >= m_next_sign) send_sign();
}

// Requests behind the present one stay in the socket; only that they are there is noted, so that
// the end of the client's side is seen all the same.
void ClientStream::look_for_end() {
    const auto seen = m_connection->look();
    if (seen.state == Connection::State::later) return;
    if (seen.state != Connection::State::some || seen.bytes == m_unread) leave();
    m_unread = seen.bytes;
    if (!m_connection->expect_more_than(m_unread)) m_unread = k_unread_max + 1;
}

void ClientStream::keep_alive(std::string head, std::string_view sign,
                              std::chrono::milliseconds every) {
    m_sign_head = std::move(head);
    m_sign = sign;
    m_sign_every = every;
    m_signs_sent = false;
    m_next_sign = every.count() > 0 ? Clock::now() + every : TimePoint::max();
}

void ClientStream::send_sign() {
    m_next_sign = Clock::now() + m_sign_every;
    if (!m_out.empty()) return;
    send({m_sign_head, m_sign});
    m_sign_head.clear();
    m_signs_sent = true;
}

} // namespace odysseus::proxy
