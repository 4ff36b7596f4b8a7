// Looks at the models folder again and asks llama-server for its own list: for GET /v1/models, and
// before a name is said to be unknown. One look at a time serves everybody who waits for one.
#pragma once

#include "odysseus/models/model_directory.hpp"
#include "odysseus/server/llama_control.hpp"

#include "blocking_tasks.hpp"
#include "loop.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::proxy {

class ModelLooks {
  public:
    ModelLooks(server::LlamaControl& upstream, models::ModelDirectory& models,
               std::chrono::milliseconds answer_max)
        : m_upstream(upstream), m_models(models), m_answer_max(answer_max) {}

    void use(Loop& loop) { m_loop = &loop; } // once, before the first look
    void stop() { m_folder.stop(); }

    // For any thread. One that is under way will do for `now == false`, else one that begins now;
    // the former kind begins once a second at most, however many ask.
    [[nodiscard]] Task<> look(Waiter& waiter, bool now);
    // Whether llama-server itself knows an id that the directory does not (its own cache).
    [[nodiscard]] bool is_foreign(std::string_view id) const;
    [[nodiscard]] std::string list() const; // llama-server's last answer; empty: it gave none

  private:
    using Number = std::uint64_t;
    struct Look {
        std::string list; // empty: llama-server gave none
        std::set<std::string, std::less<>> foreign;
    };
    [[nodiscard]] Number ask(bool now, const Waiter::WakeUp& wake_up);
    [[nodiscard]] bool has_ended(Number look) const;
    Detached look_while_asked();
    [[nodiscard]] Task<> wait_for_interval(Waiter& waiter);
    [[nodiscard]] Task<Look> look_once(Waiter& waiter);
    [[nodiscard]] Task<std::optional<std::string>> router_list(Waiter& waiter, bool reload);
    void begin();
    bool end(Look look); // true: another one is asked for

    server::LlamaControl& m_upstream;
    models::ModelDirectory& m_models;
    const std::chrono::milliseconds m_answer_max;
    Loop* m_loop = nullptr;
    BlockingTasks m_folder{1};
    TimePoint m_last_begin{};

    mutable std::mutex m_mutex; // for all below
    Number m_begun = 0;
    Number m_ended = 0;
    Number m_asked = 0;
    bool m_now = false;
    bool m_running = false;
    std::optional<Waiter::WakeUp> m_looking;
    std::vector<Waiter::WakeUp> m_waiting;
    std::string m_list;
    std::set<std::string, std::less<>> m_foreign;
};

} // namespace odysseus::proxy
