// What the proxy's connections share: the poller and its thread, the connections to llama-server,
// the counters. All of it belongs to the loop's thread, but for what says otherwise.
#pragma once

#include "switch_queue.hpp"
#include "odysseus/system/poller.hpp"
#include "odysseus/proxy/proxy.hpp"

#include "errands.hpp"
#include "request_log.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace odysseus {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

// Whoever waits for a socket. It may end others while the same lot of events is handled, so objects
// of this kind are buried (ProxyCore::bury), not deleted.
class Watched {
  public:
    virtual ~Watched() = default;
    virtual void on_ready(const platform::Ready& ready) = 0;
};

class Link;
class Client;
class OwnQuestion;

// Whoever uses a connection to llama-server.
class LinkUser {
  public:
    virtual void on_link(const platform::Ready& ready) = 0;

  protected:
    ~LinkUser() = default;
};

// One connection to llama-server. Without a user it is idle, and ends when llama-server closes it.
class Link final : public Watched {
  public:
    Link(class LinkPool& pool, platform::Socket socket, int port)
        : m_pool(pool), m_socket(std::move(socket)), m_port(port) {}
    void on_ready(const platform::Ready& ready) override;

    [[nodiscard]] const platform::Socket& socket() const { return m_socket; }
    [[nodiscard]] bool used_before() const { return m_used_before; }

  private:
    friend class LinkPool;
    class LinkPool& m_pool;
    platform::Socket m_socket;
    int m_port;
    LinkUser* m_user = nullptr;
    platform::Interest m_interest;
    bool m_used_before = false;
    TimePoint m_idle_since;
};

// An idle connection occupies one of llama-server's own threads (cpp-httplib), so few are kept and
// not for long; the last used is the first to be used again.
class LinkPool {
  public:
    explicit LinkPool(class ProxyCore& core) : m_core(core) {}
    // Null: no connection can be made. `fresh`: none that has been used.
    [[nodiscard]] Link* take(LinkUser& user, int port, bool fresh);
    void watch(Link& link, platform::Interest interest);
    void give_back(Link& link); // for another request
    void drop(Link& link);
    void sweep();
    void drop_idle();

  private:
    class ProxyCore& m_core;
    std::unordered_map<Link*, std::unique_ptr<Link>> m_links;
    std::vector<Link*> m_idle;
};

class ProxyCore final : public Watched {
  public:
    ProxyCore(ProxySettings settings, Upstream& upstream, ModelDirectory& models, ProxyPages pages);
    ~ProxyCore() override;

    void listen(const std::string& host, int port);
    [[nodiscard]] int port() const {
        return m_listeners.empty() ? 0 : platform::port_of(m_listeners.front());
    }
    void run(); // until stop() was called and nothing is left, or its time is over
    // From any thread:
    void stop(std::chrono::milliseconds grace);
    void post(std::function<void()> work); // runs it on the loop's thread
    [[nodiscard]] Traffic traffic() const;

    void on_ready(const platform::Ready& ready) override; // a listener

    // For the connections.
    [[nodiscard]] Client* client(std::uint64_t id);
    // Whatever the work throws ends this client alone. Nothing happens when it has gone.
    void with_client(std::uint64_t id, const std::function<void(Client&)>& work);
    void end_client(Client& client);
    void bury(std::unique_ptr<Watched> ended);
    // Calls back, on the loop's thread, when llama-server is ready, has failed or stops.
    void call_when_ready(std::uint64_t client_id);
    // Calls back when a look at the folder and at llama-server's list has ended: for all whose name
    // nobody knows, one look at a time, and few a second.
    void call_after_look(std::uint64_t client_id);
    // Calls back when it may be this client's turn in `switches`.
    void call_on_turn(std::uint64_t client_id);
    void leave_switches(SwitchQueue::Ticket ticket);
    [[nodiscard]] std::string next_request_id();

    const ProxySettings settings;
    Upstream& upstream;
    ModelDirectory& models;
    const ProxyPages pages;
    platform::Poller poller;
    LinkPool links{*this};
    Errands errands;
    RequestLog request_log;
    TimePoint now = Clock::now(); // when the present lot of events began
    bool stopping = false;
    std::vector<char> scratch; // for what is read and at once passed on
    std::size_t bodies_bytes = 0;
    SwitchQueue switches; // who may use which model now
    // Ids that llama-server lists and the directory does not know (its own cache).
    std::set<std::string, std::less<>> foreign_ids;
    // Errands' threads write them.
    std::atomic<bool> folder_trouble_told{false};
    std::atomic<int> folder_reads{0};

    // Counters: written on the loop's thread, read from any.
    struct Counters {
        std::atomic<std::uint64_t> total{0}, active{0}, replayed{0}, refused{0}, hung_up{0}, cut{0},
            connections{0}, bytes{0}, first_byte_us{0}, total_us{0};
        std::array<std::atomic<std::uint64_t>, 6> by_class{};
    } counters;

  private:
    void accept_clients(const platform::Socket& listener);
    void watch_listeners(bool read);
    void refuse_client(const platform::Socket& socket);
    void sweep();
    void empty_graves();
    void run_posted();
    void turn(const std::vector<platform::Ready>& ready);
    void begin_look();
    void look_ended(const std::set<std::uint64_t>& begun_for);
    void wait_for_upstream(); // on an errand's thread
    [[nodiscard]] std::optional<std::chrono::milliseconds> pause() const;

    std::vector<platform::Socket> m_listeners; // one for each address of --host
    std::unordered_map<std::uint64_t, std::unique_ptr<Client>> m_clients;
    std::vector<std::unique_ptr<Watched>> m_graves;
    std::uint64_t m_last_client = 0;
    std::uint64_t m_last_request = 0;
    std::string m_id_prefix;
    std::size_t m_connections_max = 0;
    TimePoint m_next_sweep{};
    TimePoint m_cut_at = TimePoint::max();
    TimePoint m_accept_again{}; // after the descriptors ran out

    std::set<std::uint64_t> m_waiting; // clients that wait for llama-server
    std::set<std::uint64_t> m_waiting_for_turn;
    std::set<std::uint64_t> m_waiting_for_look; // for the next one
    std::unique_ptr<OwnQuestion> m_look;
    TimePoint m_look_began{};
    bool m_waiter_runs = false;
    std::atomic<bool> m_nobody_waits{false};
    std::atomic<bool> m_ending{false};

    std::mutex m_posted_mutex;
    std::vector<std::function<void()>> m_posted;
};

} // namespace odysseus
