// The other machines (--peer): what is known of each, refreshed in the background, and which of
// them answers a request. For any thread, unless said otherwise.
#pragma once

#include "conversation.hpp"
#include "http_forward.hpp"
#include "odysseus/proxy/peer_address.hpp"
#include "peer_health.hpp"
#include "peer_routes.hpp"

#include "blocking_tasks.hpp"
#include "exchange.hpp"
#include "loop.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::proxy {

struct PeerTimes {
    std::chrono::milliseconds every{5'000};       // between two looks at a peer that answers
    std::chrono::milliseconds answer{3'000};      // of a peer to odysseus itself
    std::chrono::milliseconds connect{3'000};     // for a request
    std::chrono::milliseconds first_pause{1'000}; // after a failure; doubled with each
    std::chrono::milliseconds longest_pause{30'000};
};

class Peers {
  public:
    // `tell`: gets a line for each change; must not block.
    using Tell = std::function<void(const std::string& news)>;
    Peers(const std::vector<PeerAddress>& addresses, const PeerTimes& times, Tell tell);
    Peers(const Peers&) = delete;
    Peers& operator=(const Peers&) = delete;

    void watch(Loop& loop); // once; ends when the loop stops
    void stop() { m_blocking.stop(); }

    [[nodiscard]] bool any() const { return !m_peers.empty(); }
    // Until each peer was asked once.
    [[nodiscard]] Task<> first_look(Waiter& waiter);
    [[nodiscard]] std::vector<RoutePeer> now() const;
    [[nodiscard]] std::vector<PeerStatus> status() const;
    [[nodiscard]] std::uint64_t active() const; // requests under way at all of them
    // How long until a peer that is left out is asked again; at least a second.
    [[nodiscard]] std::chrono::seconds retry_after() const;

    [[nodiscard]] std::optional<int> place_of(std::uint64_t conversation) const;
    void keep(std::uint64_t conversation, int place);

    // One request at a peer, while it lives.
    class Use {
      public:
        Use(Peers& peers, int place);
        ~Use();
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;
        [[nodiscard]] const PeerAddress& address() const { return m_address; }
        [[nodiscard]] const Destination& destination() const { return m_destination; }
        [[nodiscard]] std::chrono::milliseconds connect_max() const;
        void worked();
        void failed(std::string_view why);

      private:
        Peers& m_peers;
        const std::size_t m_index;
        PeerAddress m_address;
        Destination m_destination;
    };

  private:
    struct Peer {
        explicit Peer(PeerAddress where, const PeerTimes& times)
            : address(std::move(where)),
              tls(address.tls ? system::tls_client(address.host, address.pinned) : nullptr),
              health(times.first_pause, times.longest_pause) {}
        const PeerAddress address;
        const std::shared_ptr<system::TlsContext> tls;
        // The rest with m_mutex.
        PeerHealth health; // of requests
        PeerView view;
        Destination destination;
        std::optional<std::chrono::microseconds> round_trip;
        std::uint64_t active = 0;
        std::uint64_t others_active = 0; // when it was asked last
        std::uint64_t requests = 0;
        std::uint64_t failures = 0;
        bool asked = false;
    };
    struct Look {
        PeerView view;
        Destination destination;
        std::optional<std::chrono::microseconds> round_trip;
    };
    Detached watch_one(Loop& loop, Peer& peer);
    [[nodiscard]] Task<> look_while_serving(Waiter& waiter, Peer& peer);
    [[nodiscard]] Task<Look> look_at(Waiter& waiter, Peer& peer, bool& ask_status);
    [[nodiscard]] Task<std::vector<Destination>> destinations_of(Waiter& waiter, const Peer& peer);
    struct Reply {
        int status = 0; // 0: none came
        std::string body;
        std::string trouble;
        std::optional<std::chrono::microseconds> connected_in;
    };
    [[nodiscard]] Task<Reply> ask(Waiter& waiter, const PeerAddress& address, const Destination& to,
                                  std::string_view path) const;
    // What `body` tells, away from the loop where it is long.
    using Reader = bool (*)(PeerView& view, std::string_view body);
    [[nodiscard]] Task<bool> read(Waiter& waiter, PeerView& view, std::string body, Reader reader);
    void take(Peer& peer, Look look);

    const PeerTimes m_times;
    const Tell m_tell;
    std::vector<std::unique_ptr<Peer>> m_peers;
    mutable std::mutex m_mutex;
    std::vector<Waiter::WakeUp> m_waiting; // for the first look
    ConversationPlaces m_conversations;
    BlockingTasks m_blocking{2}; // names that are looked up, long answers that are read
};

} // namespace odysseus::proxy
