// Awaits what another thread does.
#pragma once

#include "blocking_tasks.hpp"
#include "loop.hpp"

#include <atomic>
#include <exception>
#include <memory>
#include <optional>

namespace odysseus::proxy {

// The work's result, or what it threw. It runs to its end though nobody may wait any more.
template <class Work>
Task<std::invoke_result_t<Work>> blocking(BlockingTasks& tasks, Waiter& waiter, Work work) {
    struct Slot {
        std::optional<std::invoke_result_t<Work>> result;
        std::exception_ptr error;
        std::atomic<bool> done{false};
    };
    constexpr std::chrono::seconds k_look_again{1}; // where the wake-up was lost for want of memory
    const auto slot = std::make_shared<Slot>();
    tasks.run([slot, work = std::move(work), wake_up = waiter.wake_up()] {
        try {
            slot->result.emplace(work());
        } catch (...) {
            slot->error = std::current_exception();
        }
        slot->done = true;
        wake_up();
    });
    while (!slot->done)
        co_await waiter.pause(Clock::now() + k_look_again);
    if (slot->error) std::rethrow_exception(slot->error);
    co_return std::move(*slot->result);
}

} // namespace odysseus::proxy
