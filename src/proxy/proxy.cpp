#include "odysseus/proxy/proxy.hpp"

#include "dialect.hpp"
#include "http_forward.hpp"
#include "odysseus/base/error.hpp"
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/ports.hpp"
#include "odysseus/system/random_hex.hpp"

#include "idle_unload.hpp"
#include "session.hpp"

#include <algorithm>
#include <asio/post.hpp>
#include <thread>

namespace odysseus::proxy {
namespace {

using asio::ip::tcp;

constexpr std::size_t k_loops_max = 4;
constexpr std::size_t k_idle_connections_max = 32; // to llama-server, of all loops
constexpr std::size_t k_accepts_a_turn = 64;
constexpr std::size_t k_other_files = 64; // logs, llama-server's pipes, downloads
constexpr std::chrono::milliseconds k_accept_again{250};

std::size_t loops_wanted() {
    return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, k_loops_max);
}

// The machine has no such address; everything else is no reason to go on without it.
bool is_lacking(const asio::error_code& error) {
    return error == asio::error::address_family_not_supported ||
           error == std::errc::address_not_available;
}

Error listen_error(const asio::error_code& error, const std::string& host, int port) {
    if (error == asio::error::address_in_use)
        return Error(Fault::busy,
                     concat("port ", port, " on ", host,
                            " is taken by another program; choose another with --port"));
    return Error(Fault::usage, concat("cannot listen on ", host, " port ", port, ": ",
                                      error.message(), "; see --host and --port"));
}

// One client of a loop, from its acceptance to its end.
class CountedClient {
  public:
    CountedClient(Loop& loop, Counters& counters) : m_loop(&loop), m_counters(counters) {
        ++m_loop->clients;
        ++m_counters.connections;
    }
    CountedClient(CountedClient&& other) noexcept
        : m_loop(std::exchange(other.m_loop, nullptr)), m_counters(other.m_counters) {}
    CountedClient& operator=(CountedClient&&) = delete;
    ~CountedClient() {
        if (m_loop == nullptr) return;
        --m_loop->clients;
        --m_counters.connections;
    }

  private:
    Loop* m_loop;
    Counters& m_counters;
};

} // namespace

struct Proxy::State {
    State(ProxySettings settings, server::LlamaControl& upstream, models::ModelDirectory& models,
          ProxyPages pages);
    void listen(const std::string& host, int port, Door door);
    void start();
    void stop(std::chrono::milliseconds grace);
    struct Listener {
        Listener(asio::io_context& context, Door opened)
            : door(opened), acceptor(context), again(context) {}
        const Door door;
        tcp::acceptor acceptor;
        asio::steady_timer again; // after the descriptors ran out
    };
    void wait_for_clients(Listener& listener);
    void accept_clients(Listener& listener, const std::function<void()>& first) noexcept;
    [[nodiscard]] Loop& idlest();
    [[nodiscard]] bool accept_one(Listener& listener);
    void take(Loop& loop, TcpSocket socket, Door door);
    [[nodiscard]] std::vector<tcp::endpoint> addresses_of(const std::string& host, int port);
    void refuse_client(TcpSocket& socket);
    Detached serve_client(Loop& loop, TcpSocket socket, CountedClient counted, Door door);
    [[nodiscard]] int port_of(Door door) const;

    Shared shared;
    IdleUnload idle_unload{shared};
    std::vector<std::unique_ptr<Loop>> loops; // the first one accepts
    std::vector<std::unique_ptr<Listener>> listeners;
    std::size_t connections_max;
    std::vector<std::thread> threads;
};

Proxy::State::State(ProxySettings settings, server::LlamaControl& upstream,
                    models::ModelDirectory& models, ProxyPages pages)
    : shared(std::move(settings), upstream, models, std::move(pages)), loops([] {
          std::vector<std::unique_ptr<Loop>> made(loops_wanted());
          for (auto& loop : made)
              loop = std::make_unique<Loop>(k_idle_connections_max / made.size());
          return made;
      }()),
      connections_max(shared.settings.limits.connections_max) {
    shared.id_prefix = system::random_hex(4) + "-";
    shared.looks.use(*loops[0]);
}

// localhost is 127.0.0.1 and ::1, whatever the system makes of it.
std::vector<tcp::endpoint> Proxy::State::addresses_of(const std::string& host, int port) {
    const auto number = static_cast<unsigned short>(port);
    if (host == "localhost")
        return {{asio::ip::address_v4::loopback(), number},
                {asio::ip::address_v6::loopback(), number}};
    asio::error_code error;
    tcp::resolver resolver(loops[0]->context);
    const auto flags = tcp::resolver::passive | tcp::resolver::numeric_service;
    std::vector<tcp::endpoint> found;
    for (const auto& entry : resolver.resolve(host, std::to_string(port), flags, error)) {
        if (std::find(found.begin(), found.end(), entry.endpoint()) == found.end())
            found.push_back(entry.endpoint());
    }
    if (error) throw listen_error(error, host, port);
    return found;
}

// On every address of the host. One that this machine lacks is left out, unless it is the only one.
void Proxy::State::listen(const std::string& host, int port, Door door) {
    std::vector<std::unique_ptr<Listener>> made;
    asio::error_code lacking;
    for (auto address : addresses_of(host, port)) {
        auto listener = std::make_unique<Listener>(loops[0]->context, door);
        auto& acceptor = listener->acceptor;
        if (!made.empty()) address.port(made[0]->acceptor.local_endpoint().port());
        asio::error_code error;
        acceptor.open(address.protocol(), error);
        if (!error) system::claim_port(static_cast<std::intptr_t>(acceptor.native_handle()));
        if (!error) acceptor.bind(address, error);
        if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
        if (!error) acceptor.non_blocking(true, error);
        if (error && !is_lacking(error)) throw listen_error(error, host, port);
        if (error) lacking = error;
        if (!error) made.push_back(std::move(listener));
    }
    if (made.empty()) throw listen_error(lacking, host, port);
    std::move(made.begin(), made.end(), std::back_inserter(listeners));
    if (door == Door::ollama) return;
    // Each connection may need a second one, to llama-server.
    const auto& limits = shared.settings.limits;
    const auto wanted = limits.connections_max + limits.requests_max + k_other_files;
    const auto allowed = system::allow_open_files(wanted);
    if (allowed >= wanted) return;
    connections_max = allowed > 2 * k_other_files ? (allowed - k_other_files) / 2 : 16;
    log::warn(concat("this system allows ", allowed, " open files only, so at most ",
                     connections_max, " clients are served at one time (ulimit -n)"));
}

void Proxy::State::start() {
    shared.request_log.start();
    for (auto& loop : loops) {
        try {
            threads.emplace_back([loop = loop.get()] { loop->run(); });
        } catch (const std::system_error&) {
            if (threads.empty()) throw;
            break;
        }
    }
    loops.resize(threads.size());
    loops[0]->post([this] {
        for (const auto& listener : listeners)
            wait_for_clients(*listener);
        if (shared.settings.idle_unload.count() > 0) idle_unload.watch(*loops[0]);
        shared.peers.watch(*loops[0]);
    });
}

void Proxy::State::stop(std::chrono::milliseconds grace) {
    if (threads.empty()) return;
    loops[0]->post([this] {
        asio::error_code ignored;
        for (const auto& listener : listeners) {
            listener->acceptor.close(ignored);
            listener->again.cancel();
        }
    });
    for (auto& loop : loops)
        loop->stop(grace);
    for (auto& thread : std::exchange(threads, {}))
        thread.join();
    shared.judging.stop();
    shared.pulling.stop();
    shared.inflating.stop();
    shared.translating.stop();
    shared.looks.stop();
    shared.peers.stop();
    shared.request_log.stop();
}

// Waits by accepting one: on Windows nothing else tells of a client that waits.
void Proxy::State::wait_for_clients(Listener& listener) {
    auto& loop = idlest();
    listener.acceptor.async_accept(loop.context,
                                   [this, &listener, &loop](const auto& error, TcpSocket socket) {
                                       if (error == asio::error::operation_aborted) return;
                                       accept_clients(listener, [&] {
                                           if (error) throw asio::system_error(error);
                                           take(loop, std::move(socket), listener.door);
                                       });
                                   });
}

// `first`, and those that wait behind it. What cannot be accepted now stays in the system's queue;
// asking again at once would spin.
void Proxy::State::accept_clients(Listener& listener, const std::function<void()>& first) noexcept {
    bool exhausted = false;
    try {
        if (first) first();
        for (std::size_t i = 0; i < k_accepts_a_turn && accept_one(listener); ++i) {
        }
        if (listener.acceptor.is_open()) wait_for_clients(listener);
    } catch (...) { // no descriptor, no memory
        exhausted = true;
    }
    if (!exhausted || !listener.acceptor.is_open()) return;
    listener.again.expires_after(k_accept_again);
    listener.again.async_wait([this, &listener](const auto& error) {
        if (error != asio::error::operation_aborted) accept_clients(listener, {});
    });
}

Loop& Proxy::State::idlest() {
    return **std::min_element(loops.begin(), loops.end(),
                              [](const auto& a, const auto& b) { return a->clients < b->clients; });
}

// False: there is none.
bool Proxy::State::accept_one(Listener& listener) {
    auto& loop = idlest();
    asio::error_code error;
    auto socket = listener.acceptor.accept(loop.context, error);
    if (error == asio::error::would_block || error == asio::error::try_again) return false;
    if (error) throw asio::system_error(error);
    take(loop, std::move(socket), listener.door);
    return true;
}

void Proxy::State::take(Loop& loop, TcpSocket socket, Door door) {
    system::keep_from_children(static_cast<std::intptr_t>(socket.native_handle()));
    asio::error_code error;
    socket.non_blocking(true, error);
    if (!error) socket.set_option(tcp::no_delay(true), error); // an event must not wait for others
    if (error) return;                                         // it has gone already
    if (shared.counters.connections >= connections_max) {
        refuse_client(socket);
        return;
    }
    asio::post(loop.context, [this, &loop, door, socket = std::move(socket),
                              counted = CountedClient(loop, shared.counters)]() mutable {
        serve_client(loop, std::move(socket), std::move(counted), door);
    });
}

// There is no room to read what it wants: a fresh socket takes this short answer at once.
void Proxy::State::refuse_client(TcpSocket& socket) {
    ++shared.counters.refused;
    if (shared.settings.tls) return; // it could not read that yet
    char begun[4096];
    asio::error_code ignored;
    const auto came = socket.read_some(asio::buffer(begun), ignored); // what is left makes a reset
    OwnAnswer answer;
    answer.status = 503;
    answer.retry_after_s = 1;
    answer.body = error_body(
        dialect_of_beginning({begun, came}),
        {503, "too_many_connections", "Too many clients are connected; try again shortly."});
    const auto bytes = own_answer(answer, {.allowed_origin = {}, .keep_alive = false}, false);
    socket.write_some(asio::buffer(bytes), ignored);
    socket.shutdown(tcp::socket::shutdown_send, ignored);
    socket.read_some(asio::buffer(begun), ignored);
}

Detached Proxy::State::serve_client(Loop& loop, TcpSocket socket, CountedClient counted,
                                    Door door) {
    const auto while_served = std::move(counted);
    try {
        Session session(shared, loop, std::move(socket), door);
        co_await session.serve();
    } catch (const std::exception& error) { // no memory, most likely: one client ends, not all
        shared.request_log.tell(concat("a client was given up: ", error.what()));
    } catch (...) { // the end came before it began
    }
}

int Proxy::State::port_of(Door door) const {
    const auto found = std::find_if(listeners.begin(), listeners.end(),
                                    [door](const auto& one) { return one->door == door; });
    if (found == listeners.end()) return 0;
    asio::error_code error;
    const auto here = (*found)->acceptor.local_endpoint(error);
    return error ? 0 : here.port();
}

Proxy::Proxy(ProxySettings settings, server::LlamaControl& upstream, models::ModelDirectory& models,
             ProxyPages pages)
    : m_state(std::make_unique<State>(std::move(settings), upstream, models, std::move(pages))) {}

Proxy::~Proxy() {
    stop(std::chrono::milliseconds(0));
}

void Proxy::listen(const std::string& host, int port) {
    m_state->listen(host, port, Door::main);
}

void Proxy::listen_as_ollama(const std::string& host, int port) {
    m_state->listen(host, port, Door::ollama);
}

int Proxy::port() const {
    return m_state->port_of(Door::main);
}

int Proxy::ollama_port() const {
    return m_state->port_of(Door::ollama);
}

void Proxy::start() {
    m_state->start();
}

void Proxy::stop(std::chrono::milliseconds grace) {
    m_state->stop(grace);
}

Traffic Proxy::traffic() const {
    return m_state->shared.traffic();
}

} // namespace odysseus::proxy
