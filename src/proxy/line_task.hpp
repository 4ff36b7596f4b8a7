// Work on a thread of its own that tells how far it has come, a line at a time. It learns that
// nobody waits for it any more, and is expected to end soon then.
#pragma once

#include "blocking_tasks.hpp"
#include "loop.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/proxy/proxy.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace odysseus::proxy {

class LineTask {
  public:
    LineTask(BlockingTasks& threads, std::function<void(const LineWork&)> work,
             const Waiter::WakeUp& wake_up);
    ~LineTask() { m_shared->unwanted = true; }
    LineTask(const LineTask&) = delete;
    LineTask& operator=(const LineTask&) = delete;

    // The lines since the last call, each with its end.
    [[nodiscard]] std::string take();
    [[nodiscard]] bool ended() const { return m_shared->ended; }
    [[nodiscard]] const std::optional<Error>& failure() const; // once it has ended

  private:
    struct State {
        std::atomic<bool> unwanted{false};
        std::atomic<bool> ended{false};
        std::mutex mutex; // for the lines
        std::string lines;
        std::optional<Error> failure; // written before `ended`
    };
    const std::shared_ptr<State> m_shared = std::make_shared<State>();
};

} // namespace odysseus::proxy
