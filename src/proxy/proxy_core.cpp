#include "proxy_core.hpp"

#include "odysseus/base/log.hpp"
#include "http_forward.hpp"
#include "odysseus/base/text.hpp"

#include "odysseus/base/exception_text.hpp"
#include "own_question.hpp"
#include "proxy_client.hpp"

#include <algorithm>
#include <random>
#include <utility>

namespace odysseus {
namespace {

constexpr std::size_t k_scratch_bytes = std::size_t{64} * 1024;
constexpr std::size_t k_errand_threads_max = 16;
constexpr std::size_t k_accepts_a_turn = 64;
constexpr std::size_t k_other_sockets = 64; // logs, llama-server's pipes, downloads
constexpr std::size_t k_idle_links_max = 32;
constexpr std::chrono::milliseconds k_idle_link_life{2000}; // llama-server closes after 5 s
constexpr std::chrono::milliseconds k_sweep_interval{250};
constexpr std::chrono::milliseconds k_wait_slice{1000};
constexpr std::chrono::milliseconds k_look_interval{250};
constexpr std::chrono::milliseconds k_pause_after_failure{200};

std::string random_prefix() {
    static constexpr char k_digits[] = "0123456789abcdef";
    std::random_device random;
    std::string out;
    for (int i = 0; i < 4; ++i)
        out += k_digits[random() % 16];
    out += '-';
    return out;
}

// The loop goes on, whatever one part of it throws.
template <class Work>
void contained(const Work& work) {
    try {
        work();
    } catch (...) {
        log::error(cat("the proxy's loop goes on after a failure: ", current_exception_text()));
    }
}

} // namespace

void Link::on_ready(const platform::Ready& ready) {
    if (!m_socket) return;
    if (m_user != nullptr) {
        m_user->on_link(ready);
    } else {
        m_pool.drop(*this); // closed by llama-server, or it speaks out of turn
    }
}

Link* LinkPool::take(LinkUser& user, int port, bool fresh) {
    while (!fresh && !m_idle.empty()) {
        Link* const link = m_idle.back();
        m_idle.pop_back();
        if (link->m_port != port) {
            drop(*link);
            continue;
        }
        link->m_user = &user;
        return link;
    }
    auto socket = platform::connect_to_loopback(port);
    if (!socket) return nullptr;
    auto link = std::make_unique<Link>(*this, std::move(socket), port);
    auto* const raw = link.get();
    raw->m_user = &user;
    raw->m_interest = {.read = true, .write = true};
    m_core.poller.add(raw->m_socket, static_cast<Watched*>(raw), raw->m_interest);
    m_links.emplace(raw, std::move(link));
    return raw;
}

void LinkPool::watch(Link& link, platform::Interest interest) {
    if (link.m_interest == interest) return;
    constexpr platform::Interest k_none{.hang_up = false};
    // Without any interest it leaves the poller, which else would tell of a reset for ever.
    if (interest == k_none) {
        m_core.poller.remove(link.m_socket);
    } else if (link.m_interest == k_none) {
        m_core.poller.add(link.m_socket, static_cast<Watched*>(&link), interest);
    } else {
        m_core.poller.change(link.m_socket, static_cast<Watched*>(&link), interest);
    }
    link.m_interest = interest;
}

void LinkPool::give_back(Link& link) {
    if (m_idle.size() >= k_idle_links_max || m_core.stopping) {
        drop(link);
        return;
    }
    watch(link, {.read = true});
    link.m_user = nullptr;
    link.m_used_before = true;
    link.m_idle_since = m_core.now;
    m_idle.push_back(&link);
}

void LinkPool::drop(Link& link) {
    m_core.poller.remove(link.m_socket);
    link.m_socket.close();
    link.m_user = nullptr;
    std::erase(m_idle, &link);
    auto node = m_links.extract(&link);
    if (!node.empty()) m_core.bury(std::move(node.mapped()));
}

void LinkPool::sweep() {
    while (!m_idle.empty() && m_core.now - m_idle.front()->m_idle_since > k_idle_link_life)
        drop(*m_idle.front());
}

void LinkPool::drop_idle() {
    while (!m_idle.empty())
        drop(*m_idle.back());
}

ProxyCore::ProxyCore(ProxySettings wanted, Upstream& supervisor, ModelDirectory& directory,
                     ProxyPages own_pages)
    : settings(std::move(wanted)), upstream(supervisor), models(directory),
      pages(std::move(own_pages)), errands(k_errand_threads_max), scratch(k_scratch_bytes),
      switches(settings.models_max), m_id_prefix(random_prefix()) {}

ProxyCore::~ProxyCore() {
    m_ending = true;
    errands.stop();
}

void ProxyCore::listen(const std::string& host, int port) {
    m_listeners = platform::listen_on_all(host, port);
    // Each connection may need a second one, to llama-server.
    const auto wanted = settings.limits.connections_max + settings.limits.requests_max;
    const auto allowed = platform::allow_sockets(wanted + k_other_sockets);
    m_connections_max = settings.limits.connections_max;
    if (allowed < wanted + k_other_sockets) {
        m_connections_max = allowed > 2 * k_other_sockets ? (allowed - k_other_sockets) / 2 : 16;
        log::warn(cat("this system allows ", allowed, " open files only, so at most ",
                      m_connections_max, " clients are served at one time (ulimit -n)"));
    }
    for (const auto& listener : m_listeners)
        poller.add(listener, static_cast<Watched*>(this), {.read = true});
}

void ProxyCore::stop(std::chrono::milliseconds grace) {
    post([this, grace] {
        stopping = true;
        m_cut_at = Clock::now() + grace;
        for (const auto& listener : m_listeners)
            poller.remove(listener);
        m_listeners.clear();
        links.drop_idle();
        std::vector<Client*> all;
        for (const auto& [id, client] : m_clients)
            all.push_back(client.get());
        for (auto* const client : all)
            client->begin_stop();
    });
}

void ProxyCore::post(std::function<void()> work) {
    {
        const std::lock_guard lock(m_posted_mutex);
        m_posted.push_back(std::move(work));
    }
    poller.wake();
}

void ProxyCore::run_posted() {
    std::vector<std::function<void()>> posted;
    {
        const std::lock_guard lock(m_posted_mutex);
        posted.swap(m_posted);
    }
    for (const auto& work : posted)
        contained(work);
}

std::optional<std::chrono::milliseconds> ProxyCore::pause() const {
    const bool accepts_again = m_accept_again != TimePoint{}; // sweep() sees to it
    if (m_clients.empty() && !stopping && !accepts_again) return std::nullopt;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(m_next_sweep - Clock::now());
    return std::max(left + std::chrono::milliseconds(1), std::chrono::milliseconds(0));
}

void ProxyCore::turn(const std::vector<platform::Ready>& ready) {
    for (const auto& event : ready)
        contained([&] { static_cast<Watched*>(event.owner)->on_ready(event); });
    contained([this] { run_posted(); });
    if (now >= m_next_sweep) contained([this] { sweep(); });
    empty_graves();
}

void ProxyCore::run() {
    contained([this] { request_log.start(); });
    std::vector<platform::Ready> ready;
    while (!stopping || (!m_clients.empty() && Clock::now() < m_cut_at)) {
        poller.wait(pause(), ready);
        now = Clock::now();
        turn(ready);
    }
    m_ending = true;
    m_clients.clear();
    m_look.reset();
    links.drop_idle();
    empty_graves();
    errands.stop();
    request_log.stop();
}

// What ends may end others.
void ProxyCore::empty_graves() {
    while (!m_graves.empty())
        std::exchange(m_graves, {}).clear();
}

void ProxyCore::sweep() {
    m_next_sweep = now + k_sweep_interval;
    links.sweep();
    if (m_look) m_look->sweep();
    begin_look();
    std::vector<std::uint64_t> all;
    all.reserve(m_clients.size());
    for (const auto& [id, client] : m_clients)
        all.push_back(id);
    for (const auto id : all)
        with_client(id, [](Client& client) { client.sweep(); });
    if (m_accept_again != TimePoint{} && now >= m_accept_again) {
        m_accept_again = {};
        watch_listeners(true);
    }
}

void ProxyCore::watch_listeners(bool read) {
    for (const auto& listener : m_listeners)
        poller.change(listener, static_cast<Watched*>(this), {.read = read});
}

void ProxyCore::on_ready(const platform::Ready& /*ready*/) {
    for (const auto& listener : m_listeners)
        accept_clients(listener);
}

void ProxyCore::accept_clients(const platform::Socket& listener) {
    for (std::size_t i = 0; i < k_accepts_a_turn; ++i) {
        platform::Accepted accepted;
        const auto state = platform::accept_from(listener, accepted);
        if (state == platform::AcceptState::none) return;
        if (state == platform::AcceptState::exhausted) {
            // The connection stays in the queue: asking again at once would spin.
            watch_listeners(false);
            m_accept_again = now + k_sweep_interval;
            return;
        }
        if (m_clients.size() >= m_connections_max) {
            refuse_client(accepted.socket);
            continue;
        }
        if (m_clients.empty()) m_next_sweep = now + k_sweep_interval;
        const auto id = ++m_last_client;
        auto client = std::make_unique<Client>(*this, id, std::move(accepted.socket));
        m_clients.emplace(id, std::move(client));
        counters.connections = m_clients.size();
    }
}

// There is no room to read what it wants: a fresh socket takes this short answer at once.
void ProxyCore::refuse_client(const platform::Socket& socket) {
    ++counters.refused;
    OwnAnswer answer;
    answer.status = 503;
    answer.retry_after_s = 1;
    answer.body = openai_error(503, "too_many_connections",
                               "odysseus serves as many clients as it may; try again shortly.");
    const auto bytes = own_answer(answer, {.allowed_origin = {}, .keep_alive = false}, false);
    const std::string_view piece = bytes;
    (void)platform::send(socket, {&piece, 1});
    platform::shut_down_sending(socket);
    (void)platform::receive(socket, scratch.data(), scratch.size()); // else closing is a reset
}

Client* ProxyCore::client(std::uint64_t id) {
    const auto found = m_clients.find(id);
    return found == m_clients.end() ? nullptr : found->second.get();
}

void ProxyCore::with_client(std::uint64_t id, const std::function<void(Client&)>& work) {
    auto* const found = client(id);
    if (found == nullptr) return;
    try {
        work(*found);
    } catch (...) {
        log::error(cat("a client was given up: ", current_exception_text()));
        found->cut();
    }
}

void ProxyCore::end_client(Client& client) {
    m_waiting.erase(client.id());
    m_waiting_for_turn.erase(client.id());
    m_waiting_for_look.erase(client.id());
    if (m_waiting.empty()) m_nobody_waits = true;
    auto node = m_clients.extract(client.id());
    if (!node.empty()) m_graves.push_back(std::move(node.mapped()));
    counters.connections = m_clients.size();
}

void ProxyCore::bury(std::unique_ptr<Watched> ended) {
    m_graves.push_back(std::move(ended));
}

void ProxyCore::call_when_ready(std::uint64_t client_id) {
    m_waiting.insert(client_id);
    m_nobody_waits = false;
    if (m_waiter_runs) return;
    m_waiter_runs = true;
    errands.run([this] { wait_for_upstream(); });
}

// One thread waits for all of them.
void ProxyCore::wait_for_upstream() {
    try {
        while (!m_ending && !m_nobody_waits) {
            const auto serving =
                upstream.wait_ready(k_wait_slice, [this] { return m_ending || m_nobody_waits; });
            if (serving.state != State::starting && serving.state != State::restarting) break;
        }
    } catch (...) { // those who wait look for themselves, and wait again
        log::error(cat("waiting for llama-server failed: ", current_exception_text()));
        std::this_thread::sleep_for(k_pause_after_failure);
    }
    post([this] {
        m_waiter_runs = false;
        const auto waiting = std::exchange(m_waiting, {});
        for (const auto id : waiting)
            with_client(id, [](Client& waiter) { waiter.upstream_settled(); });
    });
}

void ProxyCore::call_after_look(std::uint64_t client_id) {
    m_waiting_for_look.insert(client_id);
    post([this] { begin_look(); }); // with all who come in this lot of events
}

void ProxyCore::begin_look() {
    if (m_look || m_waiting_for_look.empty() || now - m_look_began < k_look_interval) return;
    m_look_began = now;
    auto begun_for = std::exchange(m_waiting_for_look, {});
    m_look = std::make_unique<OwnQuestion>(
        *this, [this, begun_for = std::move(begun_for)](const auto& /*list*/) {
            bury(std::move(m_look));
            look_ended(begun_for);
        });
    m_look->start();
}

// Those who came meanwhile look whether it has found their model too, else they wait for the next.
void ProxyCore::look_ended(const std::set<std::uint64_t>& begun_for) {
    for (const auto id : begun_for)
        with_client(id, [](Client& waiter) { waiter.look_ended(true); });
    for (const auto id : std::exchange(m_waiting_for_look, {}))
        with_client(id, [](Client& waiter) { waiter.look_ended(false); });
}

void ProxyCore::call_on_turn(std::uint64_t client_id) {
    m_waiting_for_turn.insert(client_id);
}

void ProxyCore::leave_switches(SwitchQueue::Ticket ticket) {
    switches.leave(ticket);
    if (m_waiting_for_turn.empty()) return;
    // Later in this lot: whoever leaves is in the middle of its own end.
    post([this] {
        for (const auto id : std::exchange(m_waiting_for_turn, {}))
            with_client(id, [](Client& waiter) { waiter.upstream_settled(); });
    });
}

std::string ProxyCore::next_request_id() {
    return m_id_prefix + std::to_string(++m_last_request);
}

Traffic ProxyCore::traffic() const {
    Traffic out;
    out.total = counters.total;
    out.active = counters.active;
    out.replayed = counters.replayed;
    out.refused = counters.refused;
    out.hung_up = counters.hung_up;
    out.cut = counters.cut;
    out.connections = counters.connections;
    out.bytes_to_clients = counters.bytes;
    for (std::size_t i = 0; i < counters.by_class.size(); ++i)
        out.by_class[i] = counters.by_class[i];
    out.first_byte_s = static_cast<double>(counters.first_byte_us) / 1e6;
    out.total_s = static_cast<double>(counters.total_us) / 1e6;
    return out;
}

struct Proxy::State {
    State(ProxySettings settings, Upstream& upstream, ModelDirectory& models, ProxyPages pages)
        : core(std::move(settings), upstream, models, std::move(pages)) {}
    ProxyCore core;
    std::thread thread;
};

Proxy::Proxy(ProxySettings settings, Upstream& upstream, ModelDirectory& models, ProxyPages pages)
    : m_state(std::make_unique<State>(std::move(settings), upstream, models, std::move(pages))) {}

Proxy::~Proxy() {
    stop(std::chrono::milliseconds(0));
}

void Proxy::listen(const std::string& host, int port) {
    m_state->core.listen(host, port);
}

int Proxy::port() const {
    return m_state->core.port();
}

void Proxy::start() {
    m_state->thread = std::thread([this] { m_state->core.run(); });
}

void Proxy::stop(std::chrono::milliseconds grace) {
    if (!m_state->thread.joinable()) return;
    m_state->core.stop(grace);
    m_state->thread.join();
}

Traffic Proxy::traffic() const {
    return m_state->core.traffic();
}

} // namespace odysseus
