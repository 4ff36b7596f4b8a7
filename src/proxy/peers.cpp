#include "peers.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/proxy/peer_look.hpp"

#include "blocking.hpp"

#include <algorithm>
#include <asio/ip/address.hpp>

namespace odysseus::proxy {
namespace {

using asio::ip::tcp;

constexpr std::size_t k_conversations_max = 4096;
constexpr std::size_t k_answer_bytes_max = std::size_t{4} * 1024 * 1024;
constexpr std::size_t k_at_once_bytes_max = std::size_t{64} * 1024;
constexpr std::size_t k_addresses_max = 4; // of one name that are tried

// Ends what waits when odysseus stops: nobody needs the answer any more.
class LookWaiter final : public Waiter {
  public:
    using Waiter::Waiter;

  protected:
    void woken() override {
        Waiter::woken();
        if (loop().stopping) throw LoopEnds{};
    }
};

std::vector<Destination> resolved(const std::string& host, int port) {
    asio::io_context context;
    tcp::resolver resolver(context);
    asio::error_code error;
    std::vector<Destination> found;
    for (const auto& entry : resolver.resolve(host, std::to_string(port), error)) {
        if (found.size() < k_addresses_max)
            found.push_back({entry.endpoint(), !entry.endpoint().address().is_loopback(), {}});
    }
    return found;
}

std::string trouble_of(int status) {
    if (status == 0) return "it gave no answer";
    if (status == 401 || status == 403)
        return "it does not accept the key that --peer URL#KEY gives";
    return concat("it answered GET /v1/models with HTTP ", status);
}

} // namespace

Peers::Peers(const std::vector<PeerAddress>& addresses, const PeerTimes& times, Tell tell)
    : m_times(times), m_tell(std::move(tell)), m_conversations(k_conversations_max) {
    for (const auto& address : addresses)
        m_peers.push_back(std::make_unique<Peer>(address, times));
}

void Peers::watch(Loop& loop) {
    for (const auto& peer : m_peers)
        watch_one(loop, *peer);
}

Detached Peers::watch_one(Loop& loop, Peer& peer) {
    while (!loop.stopping) {
        try {
            LookWaiter waiter(loop);
            co_await look_while_serving(waiter, peer);
        } catch (const LoopEnds&) {
            co_return;
        } catch (...) { // no memory, no thread to resolve a name: the next look may have more luck
        }
    }
}

Task<> Peers::look_while_serving(Waiter& waiter, Peer& peer) {
    PeerHealth pause(m_times.first_pause, m_times.longest_pause);
    bool ask_status = true;
    while (!waiter.loop().stopping) {
        Look look;
        try {
            look = co_await look_at(waiter, peer, ask_status);
        } catch (const std::exception& error) {
            look.view.trouble = error.what();
        }
        const bool answers = look.view.answers;
        take(peer, std::move(look));
        const auto now = Clock::now();
        if (answers) {
            pause.worked();
        } else {
            pause.failed(now);
            ask_status = true; // another program may come in its place
        }
        const auto next = answers ? now + m_times.every : pause.until();
        while (Clock::now() < next)
            co_await waiter.pause(next);
    }
}

Task<std::vector<Destination>> Peers::destinations_of(Waiter& waiter, const Peer& peer) {
    const auto& address = peer.address;
    asio::error_code error;
    const auto literal = asio::ip::make_address(address.host, error);
    if (!error) {
        const tcp::endpoint there(literal, static_cast<unsigned short>(address.port));
        co_return std::vector<Destination>{{there, !literal.is_loopback(), peer.tls}};
    }
    auto found = co_await blocking(m_blocking, waiter, [host = address.host, port = address.port] {
        return resolved(host, port);
    });
    for (auto& place : found)
        place.tls = peer.tls;
    co_return found;
}

Task<Peers::Look> Peers::look_at(Waiter& waiter, Peer& peer, bool& ask_status) {
    Look look;
    auto places = co_await destinations_of(waiter, peer);
    if (places.empty()) {
        look.view.trouble = concat("the name ", peer.address.host, " is not known");
        co_return look;
    }
    Reply models;
    for (const auto& place : places) {
        look.destination = place;
        models = co_await ask(waiter, peer.address, place, "/v1/models");
        if (models.status != 0) break;
    }
    look.round_trip = models.connected_in;
    if (models.status != 200) {
        look.view.trouble = models.trouble.empty() ? trouble_of(models.status) : models.trouble;
        co_return look;
    }
    const bool listed = co_await read(waiter, look.view, std::move(models.body), take_models);
    if (!listed) {
        look.view.trouble = "its answer to GET /v1/models is no list of models";
        co_return look;
    }
    look.view.answers = true;
    if (!ask_status) co_return look;
    auto status = co_await ask(waiter, peer.address, look.destination, "/odysseus/status");
    ask_status = status.status == 200;
    if (ask_status)
        ask_status = co_await read(waiter, look.view, std::move(status.body), take_status);
    co_return look;
}

Task<bool> Peers::read(Waiter& waiter, PeerView& view, std::string body, Reader reader) {
    if (body.size() <= k_at_once_bytes_max) co_return reader(view, body);
    const auto work = [copy = view, body = std::move(body), reader] {
        std::optional<PeerView> read = copy;
        if (!reader(*read, body)) read.reset();
        return read;
    };
    auto result = co_await blocking(m_blocking, waiter, work);
    if (!result) co_return false;
    view = std::move(*result);
    co_return true;
}

Task<Peers::Reply> Peers::ask(Waiter& waiter, const PeerAddress& address, const Destination& to,
                              std::string_view path) const {
    auto request = concat("GET ", address.path, path, " HTTP/1.1\r\nHost: ", address.authority,
                          "\r\nAccept: application/json\r\n", k_forwarded_header, ": 1\r\n");
    if (!address.key.empty()) request += concat("Authorization: Bearer ", address.key, "\r\n");
    request += "\r\n";
    Exchange exchange(waiter, {request}, false);
    exchange.until = Clock::now() + m_times.answer;
    auto came = co_await exchange.begin(to);
    Reply reply;
    reply.connected_in = exchange.connected_in;
    reply.trouble = exchange.trouble;
    if (came != Exchange::Came::some) co_return reply;
    reply.body = exchange.content();
    while (!exchange.complete() && reply.body.size() < k_answer_bytes_max) {
        came = co_await exchange.next();
        if (came != Exchange::Came::some) break;
        reply.body += exchange.content();
    }
    if (!exchange.complete()) co_return reply; // too long, too late or cut: as if there were none
    reply.status = exchange.head.status;
    exchange.release();
    co_return reply;
}

void Peers::take(Peer& peer, Look look) {
    std::string said; // once for each change
    std::vector<Waiter::WakeUp> waiting;
    {
        const std::lock_guard lock(m_mutex);
        const auto& before = peer.view;
        if (look.view.answers && (!peer.asked || !before.answers)) {
            said = concat("peer ", peer.address.name, " answers: ", look.view.models.size(),
                          " models");
        } else if (!look.view.answers && (!peer.asked || before.trouble != look.view.trouble)) {
            said = concat("peer ", peer.address.name, " (", peer.address.url(),
                          ") is left out: ", look.view.trouble);
        }
        if (!look.view.answers) {
            ++peer.failures;
            look.view.models = std::move(peer.view.models); // what it had: its names stay known
        }
        if (look.round_trip) peer.round_trip = look.round_trip;
        peer.others_active = look.view.active > peer.active ? look.view.active - peer.active : 0;
        peer.view = std::move(look.view);
        peer.destination = look.destination;
        peer.asked = true;
        waiting = std::exchange(m_waiting, {});
    }
    for (const auto& wake_up : waiting)
        wake_up();
    if (!said.empty()) m_tell(said);
}

Task<> Peers::first_look(Waiter& waiter) {
    while (true) {
        {
            const std::lock_guard lock(m_mutex);
            const bool all = std::all_of(m_peers.begin(), m_peers.end(),
                                         [](const auto& peer) { return peer->asked; });
            if (all) co_return;
            m_waiting.push_back(waiter.wake_up());
        }
        co_await waiter.pause(Clock::now() + std::chrono::seconds(1));
    }
}

std::vector<RoutePeer> Peers::now() const {
    const auto time = Clock::now();
    const std::lock_guard lock(m_mutex);
    std::vector<RoutePeer> peers;
    for (const auto& peer : m_peers)
        peers.push_back({peer->address.name, peer->view, peer->health.left_out(time),
                         peer->active + peer->others_active});
    return peers;
}

std::vector<PeerStatus> Peers::status() const {
    const auto time = Clock::now();
    const std::lock_guard lock(m_mutex);
    std::vector<PeerStatus> all;
    for (const auto& peer : m_peers) {
        PeerStatus status;
        status.name = peer->address.name;
        status.url = peer->address.url();
        status.view = peer->view;
        status.left_out = peer->health.left_out(time);
        if (peer->round_trip)
            status.round_trip_ms =
                std::chrono::duration<double, std::milli>(*peer->round_trip).count();
        status.active = peer->active;
        status.requests = peer->requests;
        status.failures = peer->failures;
        all.push_back(std::move(status));
    }
    return all;
}

std::uint64_t Peers::active() const {
    const std::lock_guard lock(m_mutex);
    std::uint64_t sum = 0;
    for (const auto& peer : m_peers)
        sum += peer->active;
    return sum;
}

std::chrono::seconds Peers::retry_after() const {
    const auto time = Clock::now();
    const std::lock_guard lock(m_mutex);
    auto soonest = time + m_times.longest_pause;
    for (const auto& peer : m_peers) {
        if (peer->health.left_out(time)) soonest = std::min(soonest, peer->health.until());
        if (!peer->view.answers) soonest = std::min(soonest, time + m_times.every);
    }
    const auto wait = std::chrono::ceil<std::chrono::seconds>(soonest - time);
    return std::max(wait, std::chrono::seconds(1));
}

std::optional<int> Peers::place_of(std::uint64_t conversation) const {
    const std::lock_guard lock(m_mutex);
    return m_conversations.find(conversation);
}

void Peers::keep(std::uint64_t conversation, int place) {
    const std::lock_guard lock(m_mutex);
    m_conversations.keep(conversation, place);
}

Peers::Use::Use(Peers& peers, int place)
    : m_peers(peers), m_index(static_cast<std::size_t>(place)),
      m_address(peers.m_peers.at(m_index)->address) {
    const std::lock_guard lock(m_peers.m_mutex);
    auto& peer = *m_peers.m_peers[m_index];
    m_destination = peer.destination;
    ++peer.active;
    ++peer.requests;
}

Peers::Use::~Use() {
    const std::lock_guard lock(m_peers.m_mutex);
    --m_peers.m_peers[m_index]->active;
}

std::chrono::milliseconds Peers::Use::connect_max() const {
    return m_peers.m_times.connect;
}

void Peers::Use::worked() {
    const std::lock_guard lock(m_peers.m_mutex);
    m_peers.m_peers[m_index]->health.worked();
}

void Peers::Use::failed(std::string_view why) {
    {
        const std::lock_guard lock(m_peers.m_mutex);
        auto& peer = *m_peers.m_peers[m_index];
        peer.health.failed(Clock::now());
        ++peer.failures;
    }
    m_peers.m_tell(concat("peer ", m_address.name, " failed a request: ", why));
}

namespace {

Detached stop_after_look(Loop& loop, Peers& peers) {
    try {
        Waiter waiter(loop);
        co_await peers.first_look(waiter);
    } catch (...) { // no memory: what is known by then is told
    }
    loop.stop(std::chrono::milliseconds(0));
}

} // namespace

std::vector<PeerStatus> look_at_peers(const std::vector<PeerAddress>& addresses) {
    if (addresses.empty()) return {};
    Loop loop(0);
    Peers peers(addresses, {}, [](const std::string&) {});
    loop.post([&] {
        peers.watch(loop);
        stop_after_look(loop, peers);
    });
    loop.run();
    peers.stop();
    return peers.status();
}

} // namespace odysseus::proxy
