#include "odysseus/proxy/worker_host.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/ports.hpp"

#include "blocking.hpp"
#include "worker_tunnel.hpp"

#include <asio/ip/v6_only.hpp>
#include <thread>

namespace odysseus::proxy {
namespace {

using asio::ip::tcp;

constexpr std::size_t k_guests_max = 16; // who connects and has not said what it wants
constexpr std::chrono::seconds k_hello_max{10};
constexpr std::chrono::milliseconds k_accept_again{250};
constexpr std::chrono::seconds k_last_words_max{2};
constexpr std::chrono::seconds k_leave_max{10}; // for a session that another one replaces

std::string address_of(const TcpSocket& socket) {
    asio::error_code error;
    const auto there = socket.remote_endpoint(error);
    if (error) return "somebody";
    auto address = there.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    return address.to_string();
}

} // namespace

struct WorkerHost::State {
    explicit State(WorkerRules with) : rules(std::move(with)) {}

    void accept();
    Detached serve(TcpSocket socket);
    [[nodiscard]] Task<> greet(WorkerTunnel& tunnel, const std::string& address);
    [[nodiscard]] Task<> free_for(WorkerTunnel& tunnel, const system::CertificateDigest& who,
                                  bool only_look);
    [[nodiscard]] Task<> work_for(WorkerTunnel& tunnel, const std::string& name, bool only_look);

    const WorkerRules rules;
    Loop loop{0};
    tcp::acceptor acceptor{loop.context};
    asio::steady_timer again{loop.context};
    std::optional<TcpSocket> coming;
    std::size_t guests = 0;
    // The session: whose it is, and what carries it.
    system::CertificateDigest holder;
    std::string holder_name;
    std::string holder_offer; // the line that it got
    WorkerTunnel* session = nullptr;
    BlockingTasks blocking_tasks{1}; // the RPC server has one thread at a time
    std::thread thread;
};

void WorkerHost::State::accept() {
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
        socket.non_blocking(true, failed);
        if (!failed) socket.set_option(tcp::no_delay(true), failed);
        if (!failed && guests < k_guests_max) serve(std::move(socket));
        accept();
    });
}

Detached WorkerHost::State::serve(TcpSocket socket) {
    const auto handle = static_cast<std::intptr_t>(socket.native_handle());
    system::keep_from_children(handle);
    system::notice_lost_host(handle);
    const auto address = address_of(socket);
    try {
        auto remote = std::make_shared<Connection>(std::move(socket));
        remote->expect_tls(rules.tls);
        WorkerTunnel tunnel(loop, std::move(remote));
        co_await greet(tunnel, address);
    } catch (const TunnelEnd& end) {
        rules.tell(concat(address, ": ", end.why));
    } catch (const std::exception& error) {
        rules.tell(concat(address, ": ", error.what()));
    } catch (...) { // the worker ends
    }
}

// Throws what is wrong, after the other side was told if it may know.
Task<> WorkerHost::State::greet(WorkerTunnel& tunnel, const std::string& address) {
    std::string refused;
    std::string name;
    WorkerQuestion question;
    {
        struct Guest {
            std::size_t& guests;
            ~Guest() { --guests; }
        } const guest{++guests};
        const auto line = co_await tunnel.line(Clock::now() + k_hello_max);
        if (tunnel.remote().spoke_plain()) throw TunnelEnd{"it does not speak TLS"};
        const auto known = rules.name_of(tunnel.remote().certificate());
        const auto asked = question_in(line);
        if (!known) {
            refused = "this machine is not paired with the worker: odysseus pair, on both";
        } else if (const auto* why = std::get_if<std::string>(&asked)) {
            refused = *why;
        } else {
            name = *known;
            question = std::get<WorkerQuestion>(asked);
            refused = build_trouble(rules.build, question.build);
        }
    }
    const bool looks_at_own = question.only_look && tunnel.remote().certificate() == holder;
    if (refused.empty() && looks_at_own && !holder_offer.empty()) {
        tunnel.send(holder_offer);
        co_await tunnel.sent(Clock::now() + k_last_words_max);
        co_return;
    }
    try {
        if (!refused.empty()) throw TunnelEnd{refused};
        co_await free_for(tunnel, tunnel.remote().certificate(), question.only_look);
    } catch (const TunnelEnd& end) {
        refused = end.why;
    }
    if (refused.empty()) {
        holder_name = concat(name, name == address ? "" : concat(" (", address, ")"));
        co_await work_for(tunnel, holder_name, question.only_look);
        co_return;
    }
    tunnel.send(refusal_line(refused));
    co_await tunnel.sent(Clock::now() + k_last_words_max);
    throw TunnelEnd{concat("refused: ", refused)};
}

// Waits until an older session of the same machine is over; another machine's is respected.
Task<> WorkerHost::State::free_for(WorkerTunnel& tunnel, const system::CertificateDigest& who,
                                   bool only_look) {
    const auto until = Clock::now() + k_leave_max;
    while (!holder.empty()) {
        if (holder != who || only_look || Clock::now() >= until)
            throw TunnelEnd{concat("the worker is in use by ", holder_name,
                                   "; it works for one machine at a time")};
        if (session != nullptr) session->end("another session of the same machine came");
        co_await tunnel.pause(Clock::now() + std::chrono::milliseconds(250));
    }
    holder = who;
}

Task<> WorkerHost::State::work_for(WorkerTunnel& tunnel, const std::string& name, bool only_look) {
    TunnelEnd end;
    std::exception_ptr stopped;
    try {
        auto started = co_await blocking(blocking_tasks, tunnel, rules.start);
        started.offer.build = rules.build;
        holder_offer = offer_line(started.offer);
        tunnel.send(holder_offer);
        if (!only_look) {
            rules.tell(concat("in use by ", name));
            session = &tunnel;
            co_await tunnel.carry_to(started.port);
        }
        co_await tunnel.sent(Clock::now() + k_last_words_max);
    } catch (const TunnelEnd& over) {
        end = over;
    } catch (const Error& error) {
        end.why = error.what();
        tunnel.send(refusal_line(end.why));
    } catch (...) {
        stopped = std::current_exception();
    }
    const bool was_used = session == &tunnel;
    session = nullptr;
    if (!stopped) {
        try {
            co_await blocking(blocking_tasks, tunnel, [stop = rules.stop] {
                stop();
                return true;
            });
        } catch (...) {
            stopped = std::current_exception();
        }
    }
    holder.clear();
    holder_offer.clear();
    if (stopped) std::rethrow_exception(stopped);
    if (was_used) rules.tell(concat("no longer in use by ", name, ": ", end.why));
    if (!was_used && !end.why.empty()) rules.tell(concat(name, ": ", end.why));
    try {
        co_await tunnel.sent(Clock::now() + k_last_words_max);
    } catch (const TunnelEnd&) { // it has gone
    }
}

WorkerHost::WorkerHost(WorkerRules rules) : m_state(std::make_unique<State>(std::move(rules))) {}

WorkerHost::~WorkerHost() {
    stop();
}

void WorkerHost::listen(const std::string& host, int port) {
    const auto number = static_cast<unsigned short>(port);
    std::vector<tcp::endpoint> places{{tcp::v6(), number}, {tcp::v4(), number}};
    asio::error_code error;
    if (!host.empty()) {
        const auto address = asio::ip::make_address(host, error);
        if (error)
            throw Error(Fault::usage,
                        concat("'", host,
                               "' is no address to listen on: give one of this machine "
                               "as a number, such as 192.168.1.5:",
                               port));
        places = {{address, number}};
    }
    for (const auto& place : places) {
        tcp::acceptor acceptor(m_state->loop.context);
        acceptor.open(place.protocol(), error);
        asio::error_code ignored;
        if (!error && host.empty() && place.protocol() == tcp::v6())
            acceptor.set_option(asio::ip::v6_only(false), ignored);
        if (!error) system::claim_port(static_cast<std::intptr_t>(acceptor.native_handle()));
        if (!error) acceptor.bind(place, error);
        if (!error) acceptor.listen(static_cast<int>(k_guests_max), error);
        if (!error) m_state->acceptor = std::move(acceptor);
        if (!error || error == asio::error::address_in_use) break;
    }
    if (error == asio::error::address_in_use)
        throw Error(Fault::busy, concat("port ", port,
                                        " for the worker is taken by another program; choose "
                                        "another one: odysseus worker :PORT"));
    if (error)
        throw Error(Fault::usage,
                    concat("the worker cannot listen on port ", port, ": ", error.message()));
}

int WorkerHost::port() const {
    asio::error_code error;
    const auto here = m_state->acceptor.local_endpoint(error);
    return error ? 0 : here.port();
}

void WorkerHost::start() {
    m_state->loop.post([state = m_state.get()] { state->accept(); });
    m_state->thread = std::thread([state = m_state.get()] { state->loop.run(); });
}

void WorkerHost::stop() {
    if (!m_state->thread.joinable()) return;
    m_state->loop.post([state = m_state.get()] {
        asio::error_code ignored;
        state->acceptor.close(ignored);
        state->again.cancel();
    });
    m_state->loop.stop(std::chrono::milliseconds(0));
    m_state->thread.join();
    m_state->blocking_tasks.stop();
    m_state->rules.stop();
}

} // namespace odysseus::proxy
