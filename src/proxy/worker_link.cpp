#include "odysseus/proxy/worker_link.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/ports.hpp"

#include "worker_tunnel.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace odysseus::proxy {
namespace {

using asio::ip::tcp;

constexpr std::chrono::seconds k_connect_max{10};
constexpr std::chrono::seconds k_hello_max{130}; // the RPC server there starts; a GPU may be woken
constexpr std::chrono::seconds k_first_pause{1};
constexpr std::chrono::seconds k_longest_pause{15};
constexpr std::chrono::seconds k_turn{1};
constexpr std::chrono::milliseconds k_accept_again{250};
constexpr std::chrono::milliseconds k_ask_stopped{100};

std::vector<Destination> destinations_of(const WorkerPlace& place) {
    asio::io_context context;
    tcp::resolver resolver(context);
    asio::error_code error;
    const auto& address = place.address;
    const auto tls = system::tls_mutual(place.identity, false, place.certificate);
    std::vector<Destination> found;
    for (const auto& entry : resolver.resolve(address.host, std::to_string(address.port), error))
        found.push_back({entry.endpoint(), true, tls});
    if (found.empty()) throw TunnelEnd{concat("the name ", address.host, " is not known")};
    return found;
}

} // namespace

struct WorkerLink::State {
    explicit State(WorkerPlace at) : place(std::move(at)) { view.name = place.address.text(); }

    Detached keep();
    Detached look();
    [[nodiscard]] Task<> session(bool only_look);
    [[nodiscard]] Task<std::shared_ptr<Connection>> connected();
    [[nodiscard]] Task<> pause(std::chrono::milliseconds time);
    void accept();
    void offer_pending();
    void came(WorkerOffer offer, std::chrono::duration<double, std::milli> round_trip);
    void went(const std::string& why);
    void tell();

    const WorkerPlace place;
    Loop loop{0};
    tcp::acceptor acceptor{loop.context};
    asio::steady_timer again{loop.context};
    std::optional<TcpSocket> coming;  // is waited for
    std::optional<TcpSocket> pending; // came while another one was there; none is waited for then
    TimePoint next_turn;
    WorkerTunnel* tunnel = nullptr; // of a session that holds
    Listener listener;
    std::thread thread;

    mutable std::mutex mutex;
    mutable std::condition_variable changed;
    WorkerView view;    // by mutex
    bool asked = false; // by mutex
};

Task<std::shared_ptr<Connection>> WorkerLink::State::connected() {
    Waiter waiter(loop);
    for (const auto& there : destinations_of(place)) {
        auto remote = std::make_shared<Connection>(TcpSocket(loop.context));
        remote->owner = &waiter;
        remote->connect(there);
        const auto until = Clock::now() + k_connect_max;
        while (!remote->connected && !remote->broken && Clock::now() < until)
            co_await waiter.pause(until);
        if (remote->connected) co_return remote;
        remote->close();
    }
    throw TunnelEnd{"it cannot be reached: start odysseus worker there, and let its port through "
                    "the firewall"};
}

Task<> WorkerLink::State::session(bool only_look) {
    const auto began = Clock::now();
    WorkerTunnel link(loop, co_await connected());
    const auto round_trip = Clock::now() - began;
    link.send(question_line({place.build, only_look}));
    auto offer = offer_in(co_await link.line(Clock::now() + k_hello_max));
    if (const auto* why = std::get_if<std::string>(&offer)) throw TunnelEnd{*why};
    auto& told = std::get<WorkerOffer>(offer);
    if (const auto why = build_trouble(told.build, place.build); !why.empty()) throw TunnelEnd{why};
    came(std::move(told), round_trip);
    if (only_look) co_return;
    tunnel = &link;
    try {
        co_await link.carry([this] {
            offer_pending();
            if (Clock::now() < next_turn) return;
            next_turn = Clock::now() + k_turn;
            if (listener.turn) listener.turn();
        });
    } catch (const TunnelEnd& end) {
        tunnel = nullptr;
        went(end.why); // its connections are closed behind this
        throw;
    } catch (...) {
        tunnel = nullptr;
        throw;
    }
}

Task<> WorkerLink::State::pause(std::chrono::milliseconds time) {
    Waiter waiter(loop);
    const auto until = Clock::now() + time;
    while (!loop.stopping && Clock::now() < until)
        co_await waiter.pause(until);
}

Detached WorkerLink::State::keep() {
    try {
        auto wait = k_first_pause;
        while (!loop.stopping) {
            std::string why;
            const auto losses = view.losses;
            try {
                co_await session(false);
            } catch (const TunnelEnd& end) {
                why = end.why;
            } catch (const std::exception& error) {
                why = error.what();
            }
            const bool held = view.losses != losses;
            if (!held) went(why);
            wait = held ? k_first_pause : std::min(2 * wait, k_longest_pause);
            co_await pause(wait);
        }
    } catch (...) { // odysseus ends
    }
}

void WorkerLink::State::came(WorkerOffer offer,
                             std::chrono::duration<double, std::milli> round_trip) {
    {
        const std::lock_guard lock(mutex);
        view.offer = std::move(offer);
        view.trouble.clear();
        view.round_trip_ms = round_trip.count();
        asked = true;
    }
    tell();
}

void WorkerLink::State::went(const std::string& why) {
    bool is_news = false;
    {
        const std::lock_guard lock(mutex);
        is_news = view.offer || view.trouble != why;
        view.losses += view.offer ? 1 : 0;
        view.offer.reset();
        view.trouble = why;
        asked = true;
    }
    if (is_news) tell();
    if (std::exchange(pending, {})) accept();
}

void WorkerLink::State::tell() {
    WorkerView now;
    {
        const std::lock_guard lock(mutex);
        now = view;
    }
    changed.notify_all();
    if (listener.changed) listener.changed(now);
}

// Connections to a worker that is not there end at once, so that nothing waits for it.
void WorkerLink::State::accept() {
    coming.emplace(loop.context);
    acceptor.async_accept(*coming, [this](const auto& error) {
        if (error == asio::error::operation_aborted || loop.stopping) return;
        if (error) { // no descriptor; asking again at once would spin
            again.expires_after(k_accept_again);
            again.async_wait([this](const auto& ended) {
                if (!ended) accept();
            });
            return;
        }
        asio::error_code failed;
        auto socket = std::move(*coming);
        const auto there = socket.remote_endpoint(failed);
        if (!failed) socket.non_blocking(true, failed);
        if (!failed) socket.set_option(tcp::no_delay(true), failed);
        system::keep_from_children(static_cast<std::intptr_t>(socket.native_handle()));
        if (failed || tunnel == nullptr || system::is_foreign_connection(there.port(), view.port)) {
            accept();
            return;
        }
        pending = std::move(socket);
        offer_pending();
    });
}

void WorkerLink::State::offer_pending() {
    if (!pending || tunnel == nullptr || !tunnel->takes_connection()) return;
    tunnel->take(*std::exchange(pending, {}));
    accept();
}

WorkerLink::WorkerLink(WorkerPlace place) : m_state(std::make_unique<State>(std::move(place))) {
    auto& acceptor = m_state->acceptor;
    const tcp::endpoint here(asio::ip::address_v4::loopback(), 0);
    acceptor.open(here.protocol());
    system::claim_port(static_cast<std::intptr_t>(acceptor.native_handle()));
    acceptor.bind(here);
    acceptor.listen(8);
    m_state->view.port = acceptor.local_endpoint().port();
}

WorkerLink::~WorkerLink() {
    stop();
}

void WorkerLink::start() {
    m_state->loop.post([state = m_state.get()] {
        state->accept();
        state->keep();
    });
    m_state->thread = std::thread([state = m_state.get()] { state->loop.run(); });
}

void WorkerLink::stop() {
    if (!m_state->thread.joinable()) return;
    m_state->loop.post([state = m_state.get()] {
        asio::error_code ignored;
        state->acceptor.close(ignored);
        state->again.cancel();
    });
    m_state->loop.stop(std::chrono::milliseconds(0));
    m_state->thread.join();
}

void WorkerLink::listen(Listener listener) {
    m_state->loop.post([state = m_state.get(), listener = std::move(listener)] {
        state->listener = listener;
        state->tell();
    });
}

void WorkerLink::wait_asked(std::chrono::milliseconds limit,
                            const std::function<bool()>& stopped) const {
    const auto until = Clock::now() + limit;
    std::unique_lock lock(m_state->mutex);
    while (!m_state->asked && Clock::now() < until && !(stopped && stopped()))
        m_state->changed.wait_for(lock, k_ask_stopped);
}

WorkerView WorkerLink::view() const {
    const std::lock_guard lock(m_state->mutex);
    return m_state->view;
}

Detached WorkerLink::State::look() {
    try {
        co_await session(true);
    } catch (const TunnelEnd& end) {
        went(end.why);
    } catch (const std::exception& error) {
        went(error.what());
    } catch (...) { // nobody waits any more
    }
    loop.stop(std::chrono::milliseconds(0));
}

WorkerView WorkerLink::look_at(const WorkerPlace& place) {
    State state(place);
    state.loop.post([&state] { state.look(); });
    state.loop.run();
    return state.view;
}

} // namespace odysseus::proxy
