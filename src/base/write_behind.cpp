#include "odysseus/base/write_behind.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace odysseus {
namespace {

constexpr std::size_t k_bytes_each = 64; // of the queue itself

} // namespace

struct WriteBehind::State {
    struct Write {
        std::size_t bytes = 0;
        std::function<void()> write;
        std::uint64_t lost_before = 0;
    };
    std::size_t bytes_max = 0;
    std::function<void(std::uint64_t)> lost;

    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Write> waiting;
    std::size_t bytes = 0; // that wait
    std::uint64_t lost_now = 0;
    bool ending = false;
    bool ended = false;

    void carry_out(const Write& write) const noexcept {
        try {
            if (write.lost_before > 0 && lost) lost(write.lost_before);
            write.write();
        } catch (...) { // this one is lost; the next one may not be
        }
    }
};

WriteBehind::WriteBehind(std::size_t bytes_max, std::function<void(std::uint64_t)> lost)
    : m_state(std::make_shared<State>()) {
    m_state->bytes_max = bytes_max;
    m_state->lost = std::move(lost);
    try {
        std::thread([state = m_state] { run(state); }).detach();
    } catch (const std::system_error&) {
        m_state->ended = true;
    }
}

WriteBehind::~WriteBehind() {
    (void)end();
}

bool WriteBehind::end() {
    std::unique_lock lock(m_state->mutex);
    const bool first = !std::exchange(m_state->ending, true);
    m_state->changed.notify_all();
    if (first) m_state->changed.wait_for(lock, k_end_grace, [this] { return m_state->ended; });
    return m_state->ended;
}

void WriteBehind::post(std::size_t bytes, std::function<void()> write) {
    bytes += k_bytes_each;
    std::unique_lock lock(m_state->mutex);
    if (m_state->ended) {
        lock.unlock();
        m_state->carry_out({bytes, std::move(write)});
        return;
    }
    if (m_state->bytes + bytes > m_state->bytes_max) {
        ++m_state->lost_now;
        return;
    }
    m_state->bytes += bytes;
    m_state->waiting.push_back({bytes, std::move(write), std::exchange(m_state->lost_now, 0)});
    m_state->changed.notify_all();
}

void WriteBehind::run(const std::shared_ptr<State>& state) {
    std::unique_lock lock(state->mutex);
    while (true) {
        state->changed.wait(lock, [&] { return state->ending || !state->waiting.empty(); });
        if (state->waiting.empty()) break;
        const auto write = std::move(state->waiting.front());
        state->waiting.pop_front();
        lock.unlock();
        state->carry_out(write);
        lock.lock();
        state->bytes -= write.bytes;
    }
    state->ended = true;
    state->changed.notify_all();
}

} // namespace odysseus
