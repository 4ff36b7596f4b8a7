#include "worker_tunnel.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>

namespace odysseus::proxy {
namespace {

using Kind = WorkerFrame::Kind;
using State = Connection::State;

constexpr std::size_t k_line_bytes_max = std::size_t{8} * 1024;
constexpr std::size_t k_held_bytes_max = std::size_t{256} * 1024; // in each direction
constexpr std::chrono::seconds k_beat_every{2};
constexpr std::chrono::seconds k_silence_max{10};
// For the RPC server to let a connection go: what it computes it computes to the end.
constexpr std::chrono::seconds k_close_max{60};
constexpr std::chrono::seconds k_turn{1};

// False: the connection broke.
bool write(Connection& to, ByteBuffer& bytes) {
    while (!bytes.empty() && to.writable) {
        const asio::const_buffer piece = asio::buffer(bytes.view());
        const auto sent = to.write({&piece, 1});
        if (sent.state == State::broken || sent.state == State::ended) return false;
        bytes.drop_front(sent.bytes);
        if (sent.state != State::some) break;
    }
    return true;
}

} // namespace

WorkerTunnel::WorkerTunnel(Loop& loop, std::shared_ptr<Connection> remote)
    : Waiter(loop), m_remote(std::move(remote)) {
    m_remote->owner = this;
}

WorkerTunnel::~WorkerTunnel() {
    m_remote->close();
    if (m_near) m_near->close();
}

void WorkerTunnel::woken() {
    Waiter::woken();
    if (loop().stopping) throw LoopEnds{};
}

void WorkerTunnel::far_ended() const {
    const auto why = m_remote->trouble();
    const bool gone = why.empty() || why.find("unexpected eof") != std::string::npos;
    throw TunnelEnd{gone ? "the other machine ended the connection" : why};
}

void WorkerTunnel::send(std::string_view bytes) {
    m_to_far.append(bytes);
}

Task<std::string> WorkerTunnel::line(TimePoint until) {
    while (true) {
        flush_far();
        if (m_remote->readable) {
            const auto got = m_remote->read(loop().scratch.get(), k_line_bytes_max);
            if (got.state == State::some) m_in.append(loop().scratch.get(), got.bytes);
            if (got.state == State::ended || got.state == State::broken) far_ended();
        }
        if (const auto end = m_in.find('\n'); end != std::string::npos) {
            auto line = m_in.substr(0, end);
            m_in.erase(0, end + 1);
            co_return line;
        }
        if (m_in.size() > k_line_bytes_max) throw TunnelEnd{"it does not speak as odysseus does"};
        if (Clock::now() >= until) throw TunnelEnd{"it says nothing"};
        arm();
        co_await pause(until);
    }
}

Task<> WorkerTunnel::sent(TimePoint until) {
    while (Clock::now() < until) {
        flush_far();
        if (m_to_far.empty() && m_remote->readable) {
            const auto got = m_remote->read(loop().scratch.get(), Loop::k_scratch_bytes);
            if (got.state == State::ended || got.state == State::broken) co_return;
        }
        arm();
        co_await pause(until);
    }
}

void WorkerTunnel::begin() {
    m_heard = m_told = Clock::now();
    m_frames.feed(m_in);
    m_in.clear();
}

Task<> WorkerTunnel::carry_to(int port) {
    m_port = port;
    begin();
    while (true) {
        exchange();
        arm();
        co_await pause(Clock::now() + k_turn);
    }
}

Task<> WorkerTunnel::carry(const std::function<void()>& turn) {
    begin();
    while (true) {
        exchange();
        turn(); // may take() a connection
        flush_far();
        arm();
        co_await pause(Clock::now() + k_turn);
    }
}

void WorkerTunnel::take(TcpSocket socket) {
    m_near = std::make_shared<Connection>(std::move(socket));
    m_near->owner = this;
    m_near->connected = true;
    frame(Kind::open);
    wake_up()();
}

void WorkerTunnel::end(std::string why) {
    m_ending = std::move(why);
    wake_up()();
}

void WorkerTunnel::exchange() {
    flush_near();
    read_near();
    read_far();
    flush_near();
    read_near(); // what came may have ended it
    check_time();
    if (!m_ending.empty()) {
        frame(Kind::bye, m_ending);
        flush_far();
        throw TunnelEnd{m_ending};
    }
    flush_far();
}

void WorkerTunnel::flush_far() {
    if (!write(*m_remote, m_to_far)) far_ended();
}

void WorkerTunnel::flush_near() {
    if (!m_near || !m_near->connected) return;
    if (!write(*m_near, m_to_near)) near_ended();
}

// All frames that are there, for their bytes go on at once.
void WorkerTunnel::read_far() {
    while (m_to_near.size() < k_held_bytes_max && !(m_port != 0 && m_closing)) {
        if (const auto next = m_frames.next()) {
            m_port != 0 ? handle_at_worker(*next) : handle(*next);
            continue;
        }
        if (m_frames.broken()) throw TunnelEnd{"what it sends makes no sense"};
        if (!m_remote->readable) return;
        const auto got = m_remote->read(loop().scratch.get(), Loop::k_scratch_bytes);
        if (got.state == State::later) return;
        if (got.state != State::some) far_ended();
        m_heard = Clock::now();
        m_frames.feed({loop().scratch.get(), got.bytes});
    }
}

void WorkerTunnel::handle(const WorkerFrame& frame) {
    switch (frame.kind) {
    case Kind::data:
        if (m_near && !m_closing) m_to_near.append(frame.bytes);
        return;
    case Kind::close:
        if (!m_closing) throw TunnelEnd{"its RPC server ended"};
        m_closing = false;
        return;
    case Kind::bye: throw TunnelEnd{std::string(frame.bytes)};
    case Kind::beat: return;
    case Kind::open: throw TunnelEnd{"what it sends makes no sense"};
    }
}

void WorkerTunnel::handle_at_worker(const WorkerFrame& frame) {
    switch (frame.kind) {
    case Kind::open:
        if (m_near) throw TunnelEnd{"what it sends makes no sense"};
        m_near = std::make_shared<Connection>(TcpSocket(loop().context));
        m_near->owner = this;
        m_near->connect(llama_server_at(m_port));
        return;
    case Kind::data:
        if (m_near) m_to_near.append(frame.bytes);
        return;
    case Kind::close:
        if (!m_near) throw TunnelEnd{"what it sends makes no sense"};
        m_closing = true;
        m_closing_since = Clock::now();
        return;
    case Kind::bye: throw TunnelEnd{std::string(frame.bytes)};
    case Kind::beat: return;
    }
}

void WorkerTunnel::read_near() {
    if (!m_near) return;
    if (m_near->broken) {
        near_ended();
        return;
    }
    if (m_port != 0 && m_closing && m_near->connected && m_to_near.empty())
        m_near->end_sending(); // once more does no harm
    while (m_near && m_near->connected && m_near->readable && m_to_far.size() < k_held_bytes_max) {
        const auto got = m_near->read(loop().scratch.get(), k_frame_bytes_max);
        if (got.state == State::later) return;
        if (got.state != State::some) {
            near_ended();
            return;
        }
        if (m_port == 0 || !m_closing) frame(Kind::data, {loop().scratch.get(), got.bytes});
    }
}

// A model's process ends its connections as it likes; the RPC server only when it was told to.
void WorkerTunnel::near_ended() {
    m_near->close();
    m_near.reset();
    m_to_near.clear();
    if (m_port != 0 && !m_closing) {
        m_ending = "its RPC server ended";
        return;
    }
    m_closing = m_port == 0;
    frame(Kind::close);
}

void WorkerTunnel::frame(Kind kind, std::string_view bytes) {
    m_to_far.append(frame_head(kind, bytes.size()));
    m_to_far.append(bytes);
    m_told = Clock::now();
}

void WorkerTunnel::check_time() {
    const auto now = Clock::now();
    if (now - m_told >= k_beat_every && m_to_far.empty()) frame(Kind::beat);
    if (m_port != 0 && m_closing && now - m_closing_since > k_close_max)
        m_ending = "its RPC server holds on to a connection";
    // Who does not read cannot say that nothing came.
    if (m_to_near.size() >= k_held_bytes_max || (m_port != 0 && m_closing)) m_heard = now;
    if (now - m_heard > k_silence_max)
        throw TunnelEnd{concat("nothing was heard of it for ", k_silence_max.count(), " s")};
}

void WorkerTunnel::arm() {
    if (m_to_near.size() < k_held_bytes_max) m_remote->want_read();
    if (!m_to_far.empty()) m_remote->want_write();
    if (!m_near || !m_near->connected) return;
    if (m_to_far.size() < k_held_bytes_max) m_near->want_read();
    if (!m_to_near.empty()) m_near->want_write();
}

} // namespace odysseus::proxy
