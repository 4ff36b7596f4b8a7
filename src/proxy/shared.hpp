// What the threads of the proxy share. Everything here is for any thread, and nothing is held for
// longer than a look at memory takes.
#pragma once

#include "odysseus/proxy/proxy.hpp"
#include "switch_queue.hpp"

#include "blocking_tasks.hpp"
#include "loop.hpp"
#include "model_looks.hpp"
#include "peers.hpp"
#include "request_log.hpp"

#include <array>
#include <atomic>
#include <mutex>
#include <string>
#include <unordered_map>

namespace odysseus::proxy {

// Where a client came in.
enum class Door { main, ollama };

struct Counters {
    std::atomic<std::uint64_t> total{0}, active{0}, replayed{0}, refused{0}, hung_up{0}, cut{0},
        connections{0}, bytes{0}, first_byte_us{0}, total_us{0};
    std::array<std::atomic<std::uint64_t>, 6> by_class{};
    std::atomic<Clock::rep> last_end{0};            // of a request, by the clock
    std::atomic<std::uint64_t> idle_unloaded_at{0}; // the total when the models were unloaded
    [[nodiscard]] Traffic traffic() const;
};

// Whose turn it is with which model.
class Turns {
  public:
    explicit Turns(std::size_t models_max) : m_queue(models_max) {}

    // One request's place in the queue; it leaves with this object.
    class Turn {
      public:
        Turn() = default;
        // `alone`: nobody else may use the model meanwhile.
        Turn(Turns& turns, const std::string& model, const Waiter::WakeUp& wake_up,
             bool alone = false);
        Turn(Turn&& other) noexcept
            : m_turns(std::exchange(other.m_turns, nullptr)), m_ticket(other.m_ticket) {}
        Turn& operator=(Turn&&) = delete;
        ~Turn();
        [[nodiscard]] bool has_come() const;

      private:
        Turns* m_turns = nullptr; // null: none is needed
        SwitchQueue::Ticket m_ticket = 0;
    };

  private:
    std::mutex m_mutex;
    SwitchQueue m_queue;
    std::unordered_map<SwitchQueue::Ticket, Waiter::WakeUp> m_waiting;
};

struct Shared {
    Shared(ProxySettings wanted, server::LlamaControl& supervisor,
           models::ModelDirectory& directory, ProxyPages own)
        : settings(std::move(wanted)), upstream(supervisor), models(directory),
          pages(std::move(own)), turns(settings.models_max),
          looks(supervisor, directory, settings.limits.own_question),
          peers(settings.peers, {.every = settings.limits.peer_look},
                [this](const std::string& news) { request_log.tell_news(news); }) {}

    [[nodiscard]] Traffic traffic() const {
        auto now = counters.traffic();
        now.peers = peers.status();
        return now;
    }

    // Tokens that the model has, loaded or not; 0: not known yet.
    [[nodiscard]] std::int64_t context_of(const std::string& id) const {
        return pages.context_of ? pages.context_of(id) : upstream.current().context;
    }

    const ProxySettings settings;
    server::LlamaControl& upstream;
    models::ModelDirectory& models;
    const ProxyPages pages;
    Counters counters;
    std::atomic<std::size_t> bodies_bytes{0};
    std::atomic<bool> held{false}; // requests wait before they go to llama-server
    std::atomic<std::uint64_t> last_request{0};
    std::string id_prefix; // of requests, set before the first one
    Turns turns;
    ModelLooks looks;
    Peers peers;
    RequestLog request_log;
    BlockingTasks inflating{2};
    BlockingTasks judging{16};    // each waits for one verdict of the supervisor
    BlockingTasks translating{2}; // what is large, and the headers of model files
    BlockingTasks pulling{4};     // each fetches a model, or finds that another one does
};

} // namespace odysseus::proxy
