#include "loop.hpp"

#include "odysseus/system/ports.hpp"

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

namespace odysseus::proxy {
namespace {

using asio::ip::tcp;

constexpr std::chrono::milliseconds k_sweep_interval{250};
constexpr std::chrono::milliseconds k_poll_interval{10};
// A wake-up that epoll_ctl lost (no memory) is made up for by then.
constexpr std::chrono::seconds k_look_again{2};
constexpr std::chrono::milliseconds k_idle_connection_life{2000}; // llama-server closes after 5 s

Connection::State state_of(const asio::error_code& error) {
    if (error == asio::error::would_block || error == asio::error::try_again ||
        error == asio::error::interrupted)
        return Connection::State::later;
    return error == asio::error::eof ? Connection::State::ended : Connection::State::broken;
}

} // namespace

Destination llama_server_at(int port) {
    return {{asio::ip::address_v4::loopback(), static_cast<unsigned short>(port)}, false};
}

Waiter::Waiter(Loop& loop) : m_loop(loop), m_target(std::make_shared<WakeUp::Target>(loop, this)) {
    m_loop.add(*this);
}

Waiter::~Waiter() {
    m_target->waiter = nullptr;
    m_target->gone = true;
    m_loop.remove(*this);
}

Waiter::Pause Waiter::pause(TimePoint until) {
    if (m_loop.ending) throw LoopEnds{};
    m_until = until;
    before_pause(m_until);
    return {*this};
}

void Waiter::wake() {
    if (m_waiting) proxy_task::run(std::exchange(m_waiting, {}));
}

void Waiter::woken() {
    if (m_loop.ending) throw LoopEnds{};
}

Waiter::WakeUp Waiter::wake_up() {
    return WakeUp(m_target);
}

void Waiter::WakeUp::operator()() const noexcept {
    try {
        m_target->loop.post([target = m_target] {
            if (target->waiter != nullptr) target->waiter->wake();
        });
    } catch (...) { // no memory; who waits for this also looks by itself
    }
}

Connection::Moved Connection::read(char* into, std::size_t room) {
    if (m_expected) {
        const auto begun = begin_tls();
        if (begun.state != State::some) return begun;
    }
    if (m_tls) return read_tls(into, room);
    asio::error_code error;
    readable = false;
    const auto bytes = m_socket.read_some(asio::buffer(into, room), error);
    if (!error) return {State::some, bytes};
    return {state_of(error), 0};
}

// The first byte tells whether the client speaks TLS.
Connection::Moved Connection::begin_tls() {
    constexpr char k_handshake = 22; // RFC 8446, section 5.1
    asio::error_code error;
    char first = 0;
    readable = false;
    m_socket.receive(asio::buffer(&first, 1), tcp::socket::message_peek, error);
    if (error) return {state_of(error), 0};
    const auto context = std::exchange(m_expected, nullptr);
    m_spoke_plain = first != k_handshake;
    if (!m_spoke_plain)
        m_tls = system::tls_accept(context, static_cast<std::intptr_t>(m_socket.native_handle()));
    return {State::some, 1};
}

Connection::Moved Connection::read_tls(char* into, std::size_t room) {
    using Tls = system::TlsStream::State;
    const auto moved = m_tls->read(into, room);
    m_read_wants_write = moved.state == Tls::write_later;
    readable = moved.state == Tls::some && m_tls->holds_bytes();
    switch (moved.state) {
    case Tls::some: return {State::some, moved.bytes};
    case Tls::ended: return {State::ended, 0};
    case Tls::broken: return {State::broken, 0};
    default: return {State::later, 0};
    }
}

// Pieces become one record where they fit, so that an event of a stream is not four of them.
Connection::Moved Connection::write_tls(std::span<const asio::const_buffer> pieces) {
    using Tls = system::TlsStream::State;
    constexpr std::size_t k_record_bytes = 16384;
    thread_local std::array<char, k_record_bytes> record;
    std::size_t sent = 0;
    while (true) {
        std::size_t gathered = 0;
        auto skip = sent;
        for (const auto& piece : pieces) {
            const auto skipped = std::min(skip, piece.size());
            skip -= skipped;
            const auto count = std::min(piece.size() - skipped, record.size() - gathered);
            std::copy_n(static_cast<const char*>(piece.data()) + skipped, count,
                        record.data() + gathered);
            gathered += count;
        }
        if (gathered == 0) return {State::some, sent};
        const auto moved = m_tls->write(record.data(), gathered);
        if (moved.state == Tls::some) {
            sent += moved.bytes;
            continue;
        }
        m_write_wants_read = moved.state == Tls::read_later;
        writable = false;
        if (sent > 0) return {State::some, sent};
        return {moved.state == Tls::broken ? State::broken : State::later, 0};
    }
}

Connection::Moved Connection::write(std::span<const asio::const_buffer> pieces) {
    if (m_tls) return write_tls(pieces);
    asio::error_code error;
    const auto bytes = m_socket.write_some(pieces, error);
    if (!error) return {State::some, bytes};
    writable = state_of(error) != State::later;
    return {state_of(error), 0};
}

void Connection::arm(asio::socket_base::wait_type what, bool& armed, bool Connection::*ready) {
    if (armed) return;
    m_socket.async_wait(what, [self = shared_from_this(), &armed, ready](const auto& error) {
        armed = false;
        if (error == asio::error::operation_aborted) return;
        (*self).*ready = true; // an error is found by the read or write that follows
        if (self->owner != nullptr) {
            self->owner->wake();
        } else {
            self->broken = true; // idle, and llama-server has closed it or speaks out of turn
        }
    });
    armed = true;
}

void Connection::want_read() {
    if (readable) return;
    arm(m_read_wants_write ? tcp::socket::wait_write : tcp::socket::wait_read, m_read_armed,
        &Connection::readable);
}

void Connection::want_write() {
    if (writable) return;
    arm(m_write_wants_read ? tcp::socket::wait_read : tcp::socket::wait_write, m_write_armed,
        &Connection::writable);
}

void Connection::connect(const Destination& to) {
    destination = to;
    asio::error_code error;
    m_socket.open(to.address.protocol(), error);
    if (!error) m_socket.non_blocking(true, error);
    if (!error) m_socket.set_option(tcp::no_delay(true), error);
    broken = bool(error);
    if (broken) return;
    const auto handle = static_cast<std::intptr_t>(m_socket.native_handle());
    system::keep_from_children(handle);
    if (to.remote) system::notice_lost_host(handle);
    m_socket.async_connect(to.address, [self = shared_from_this()](const auto& failed) {
        self->broken = bool(failed);
        if (!failed) self->connected_tcp();
        if (self->owner != nullptr) self->owner->wake();
    });
}

void Connection::connected_tcp() noexcept {
    try {
        if (destination.tls)
            m_tls = system::tls_connect(destination.tls,
                                        static_cast<std::intptr_t>(m_socket.native_handle()));
        connected = true;
    } catch (...) { // no memory
        broken = true;
    }
}

Connection::Moved Connection::look() {
    asio::error_code error;
    char byte = 0;
    readable = false;
    m_socket.receive(asio::buffer(&byte, 1), tcp::socket::message_peek, error);
    if (error) return {state_of(error), 0};
    const auto bytes = m_socket.available(error);
    if (error) return {State::broken, 0};
    return {State::some, bytes};
}

bool Connection::expect_more_than(std::size_t bytes) {
    asio::error_code error;
    m_socket.set_option(asio::socket_base::receive_low_watermark(static_cast<int>(bytes + 1)),
                        error);
    return !error;
}

void Connection::end_sending() {
    asio::error_code ignored;
    if (m_tls) m_tls->end_sending();
    m_socket.shutdown(tcp::socket::shutdown_send, ignored);
}

void Connection::close() {
    asio::error_code ignored;
    owner = nullptr;
    m_tls.reset();
    m_socket.close(ignored);
}

void Loop::run() {
    const auto work = asio::make_work_guard(context);
    while (!stopping || !m_waiters.empty()) {
        try {
            if (context.run_one_for(k_look_again) == 0) sweep();
        } catch (...) { // no memory, most likely: one event is lost, not all
        }
    }
    m_idle.clear();
}

void Loop::post(std::function<void()> work) {
    asio::post(context, std::move(work));
}

void Loop::stop(std::chrono::milliseconds grace) {
    post([this, grace] {
        stopping = true;
        m_cut_at = Clock::now() + grace;
        m_idle.clear();
        sweep();
    });
}

std::shared_ptr<Connection> Loop::idle_connection(const Destination& to) {
    const auto last = std::find_if(m_idle.rbegin(), m_idle.rend(), [&to](const auto& connection) {
        return connection->destination == to && !connection->broken;
    });
    if (last == m_idle.rend()) return nullptr;
    auto connection = std::move(*last);
    m_idle.erase(std::next(last).base());
    return connection;
}

void Loop::keep(std::shared_ptr<Connection> connection) {
    if (m_idle.size() >= m_idle_max || stopping) {
        connection->close();
        return;
    }
    connection->owner = nullptr;
    connection->used_before = true;
    connection->idle_since = Clock::now();
    connection->want_read(); // so that its end is seen
    m_idle.push_back(std::move(connection));
    set_timer();
}

void Loop::drop_stale_connections() {
    const auto now = Clock::now();
    std::erase_if(m_idle, [now](const auto& connection) {
        if (!connection->broken && now - connection->idle_since < k_idle_connection_life)
            return false;
        connection->close();
        return true;
    });
}

Loop::Poll::Poll(Loop& loop) : m_loop(loop) {
    if (++m_loop.m_polls > 1) return;
    m_loop.m_timer_runs = false; // the next sweep is due sooner
    m_loop.set_timer();
}

void Loop::add(Waiter& waiter) {
    set_timer();
    waiter.m_place = m_waiters.size();
    m_waiters.push_back(&waiter);
}

void Loop::remove(Waiter& waiter) {
    m_waiters.back()->m_place = waiter.m_place;
    m_waiters[waiter.m_place] = m_waiters.back();
    m_waiters.pop_back();
}

// One timer for all: most waits never come to their end.
void Loop::set_timer() {
    if (m_timer_runs) return;
    m_timer.expires_after(m_polls > 0 ? k_poll_interval : k_sweep_interval);
    m_timer.async_wait([this](const auto& error) {
        if (error == asio::error::operation_aborted) return; // set anew
        m_timer_runs = false;
        if (!m_waiters.empty() || !m_idle.empty()) set_timer();
        sweep();
    });
    m_timer_runs = true;
}

void Loop::sweep() {
    drop_stale_connections();
    const auto now = Clock::now();
    ending = ending || now >= m_cut_at;
    const bool all = stopping || m_polls > 0;
    const auto waiters = m_waiters; // whoever is woken may leave the list, but nobody else
    for (auto* const waiter : waiters) {
        if (all || now >= waiter->m_until) waiter->wake();
    }
}

} // namespace odysseus::proxy
