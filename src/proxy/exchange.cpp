#include "exchange.hpp"

#include <algorithm>
#include <cstring>

namespace odysseus::proxy {

Exchange::~Exchange() {
    drop();
}

void Exchange::drop() {
    if (m_connection) std::exchange(m_connection, nullptr)->close();
}

void Exchange::release() {
    if (!m_connection || !m_complete || !m_sent_all || m_extra || !head.keep_alive) return;
    m_waiter.loop().keep(std::exchange(m_connection, nullptr));
}

Task<Exchange::Came> Exchange::begin(const Destination& to) {
    for (bool fresh = false;; fresh = true) {
        const bool connected = co_await connect(to, fresh);
        if (!connected) co_return Came::broken;
        const auto came = co_await read_head();
        if (came == Came::broken) trouble = m_connection->trouble();
        const bool stale = came == Came::broken && m_connection->used_before && m_in.empty();
        if (!stale || fresh) co_return came;
    }
}

Task<bool> Exchange::connect(const Destination& to, bool fresh) {
    drop();
    m_sent = 0;
    m_sent_all = false;
    m_sending = true;
    auto& loop = m_waiter.loop();
    if (!fresh) m_connection = loop.idle_connection(to);
    if (!m_connection) {
        m_connection = std::make_shared<Connection>(TcpSocket(loop.context));
        m_connection->owner = &m_waiter;
        m_connection->connect(to);
    }
    m_connection->owner = &m_waiter;
    const auto began = Clock::now();
    const auto latest = std::min(until, began + connect_max);
    const bool there = m_connection->connected;
    while (!m_connection->connected && !m_connection->broken && Clock::now() < latest)
        co_await m_waiter.pause(latest);
    if (!there)
        connected_in = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began);
    m_connection->readable = false; // the other side speaks second
    co_return m_connection->connected;
}

// What goes of the request now. If it cannot be sent, the answer may still tell why.
void Exchange::send_more() {
    if (!m_sending || m_sent_all || !m_connection->writable) return;
    std::array<asio::const_buffer, 4> pieces;
    std::size_t count = 0;
    std::size_t wanted = 0;
    auto skip = m_sent;
    for (const auto piece : m_request) {
        const auto skipped = std::min(skip, piece.size());
        skip -= skipped;
        if (skipped == piece.size()) continue;
        pieces[count++] = asio::buffer(piece.substr(skipped));
        wanted += piece.size() - skipped;
    }
    const auto sent = m_connection->write({pieces.data(), count});
    m_sent += sent.bytes;
    m_sent_all = sent.bytes == wanted;
    if (sent.state == Connection::State::broken) m_sending = false;
    m_connection->writable = m_sent_all;
}

Task<Connection::Moved> Exchange::receive() {
    auto& loop = m_waiter.loop();
    while (true) {
        send_more();
        if (m_connection->readable) {
            const auto got = m_connection->read(loop.scratch.get(), Loop::k_scratch_bytes);
            if (got.state != Connection::State::later) co_return got;
        }
        if (Clock::now() >= until) co_return Connection::Moved{Connection::State::broken, 0};
        m_connection->want_read();
        if (m_sending && !m_sent_all) m_connection->want_write();
        co_await m_waiter.pause(until);
    }
}

Task<Exchange::Came> Exchange::read_head() {
    while (true) {
        const auto end = m_in.find("\r\n\r\n");
        if (end == std::string::npos) {
            if (m_in.size() > k_head_bytes_max) co_return Came::no_http;
            const auto got = co_await receive();
            if (got.state != Connection::State::some) co_return Came::broken;
            m_in.append(m_waiter.loop().scratch.get(), got.bytes);
            continue;
        }
        const auto head_bytes = end + 4;
        const auto parsed =
            parse_response_head(std::string_view(m_in).substr(0, head_bytes), m_to_head);
        if (!parsed) co_return Came::no_http;
        if (parsed->status < 200) { // 100 Continue and the like concern this connection alone
            m_in.erase(0, head_bytes);
            continue;
        }
        head = *parsed;
        m_left = head.content_length;
        m_complete = head.framing == Framing::none ||
                     (head.framing == Framing::length && head.content_length == 0);
        take(m_in.data() + head_bytes, m_in.size() - head_bytes);
        co_return Came::some;
    }
}

Task<Exchange::Came> Exchange::next() {
    m_content = {};
    while (true) {
        if (m_complete) co_return Came::end;
        if (m_chunks.state() == ChunkWalker::State::broken) co_return Came::broken;
        const auto got = co_await receive();
        if (got.state == Connection::State::some) {
            take(m_waiter.loop().scratch.get(), got.bytes);
            if (!m_content.empty()) co_return Came::some;
        } else if (got.state == Connection::State::ended && head.framing == Framing::until_close) {
            m_complete = true;
        } else {
            co_return Came::broken;
        }
    }
}

Task<std::string> rest_of(Exchange& exchange, std::size_t bytes_max) {
    std::string content(exchange.content());
    while (!exchange.complete() && content.size() < bytes_max) {
        const auto came = co_await exchange.next();
        if (came != Exchange::Came::some) break;
        content += exchange.content();
    }
    exchange.release();
    co_return content;
}

// Takes the framing off, in place.
void Exchange::take(char* bytes, std::size_t count) {
    auto* end = bytes;
    switch (head.framing) {
    case Framing::none: break;
    case Framing::until_close: end = bytes + count; break;
    case Framing::chunked: end = without_framing(bytes, count); break;
    case Framing::length:
        end = bytes + static_cast<std::size_t>(std::min<std::uint64_t>(m_left, count));
        m_left -= static_cast<std::uint64_t>(end - bytes);
        m_complete = m_left == 0;
        break;
    }
    m_content = {bytes, static_cast<std::size_t>(end - bytes)};
    if (head.framing != Framing::chunked) m_extra = m_content.size() < count;
}

char* Exchange::without_framing(char* bytes, std::size_t count) {
    auto* end = bytes;
    std::string_view rest(bytes, count);
    while (!rest.empty() && m_chunks.state() == ChunkWalker::State::more) {
        const auto piece = m_chunks.next(rest);
        if (piece.data() != end && !piece.empty()) std::memmove(end, piece.data(), piece.size());
        end += piece.size();
    }
    m_complete = m_chunks.state() == ChunkWalker::State::done;
    m_extra = !rest.empty();
    return end;
}

} // namespace odysseus::proxy
