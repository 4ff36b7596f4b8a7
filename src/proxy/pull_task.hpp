// A model that is fetched for a client, on a thread of its own: it ends when nobody waits for it
// any more, and goes on where it stopped when it is asked for again.
#pragma once

#include "odysseus/models/pull.hpp"
#include "ollama_pull.hpp"

#include "blocking_tasks.hpp"
#include "loop.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace odysseus::proxy {

class PullTask {
  public:
    PullTask(BlockingTasks& threads, std::string name, std::function<models::PullOptions()> options,
             const Waiter::WakeUp& wake_up);
    ~PullTask() { m_shared->unwanted = true; }
    PullTask(const PullTask&) = delete;
    PullTask& operator=(const PullTask&) = delete;

    [[nodiscard]] OllamaPullState state() const;
    [[nodiscard]] bool ended() const { return m_shared->ended; }
    [[nodiscard]] std::optional<OllamaRefusal> failure() const; // once it has ended

  private:
    struct Progress {
        std::atomic<bool> unwanted{false};
        std::atomic<bool> ended{false};
        mutable std::mutex mutex; // for those below
        OllamaPullState state;
        std::optional<OllamaRefusal> failure;
    };
    static void fetch(Progress& progress, const std::string& name, models::PullOptions options,
                      const Waiter::WakeUp& wake_up);

    const std::shared_ptr<Progress> m_shared = std::make_shared<Progress>();
};

} // namespace odysseus::proxy
