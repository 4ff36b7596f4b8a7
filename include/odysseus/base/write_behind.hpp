// Output that may have to wait: for a terminal that is held (Ctrl-S, a selection in a Windows
// console), a pipe that nobody reads, a disk that stalls. It is written by a thread of its own, so
// that nobody else waits.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace odysseus {

// Thread-safe. Where no thread can be made, everything is written by who posts it.
class WriteBehind {
  public:
    // What comes while more than so many bytes wait is left out; `lost` tells how many writes were,
    // before the next one.
    WriteBehind(std::size_t bytes_max, std::function<void(std::uint64_t count)> lost);
    ~WriteBehind();
    WriteBehind(const WriteBehind&) = delete;
    WriteBehind& operator=(const WriteBehind&) = delete;

    // In the order of the posts. `write` may throw: it is lost then.
    void post(std::size_t bytes, std::function<void()> write);

    // Waits for what was posted, at most k_end_grace. False: the thread is stuck, and is left
    // behind; so `write` may own what it writes to, and must not refer to anything else. The
    // destructor does it, too.
    bool end();

    static constexpr std::chrono::milliseconds k_end_grace{1000};

  private:
    struct State;
    static void run(const std::shared_ptr<State>& state);

    std::shared_ptr<State> m_state;
};

} // namespace odysseus
