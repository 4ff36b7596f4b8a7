// When a machine that failed is asked again.
#pragma once

#include <algorithm>
#include <chrono>

namespace odysseus::proxy {

class PeerHealth {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;

    explicit PeerHealth(std::chrono::milliseconds first, std::chrono::milliseconds most)
        : m_first(first), m_most(most) {}
    void worked() { m_failures = 0; }
    // Several that fail at one time count once.
    void failed(TimePoint now) {
        if (left_out(now)) return;
        const auto doubled = m_first * (1 << std::min(m_failures++, k_doublings_max));
        m_until = now + std::min<std::chrono::milliseconds>(doubled, m_most);
    }
    [[nodiscard]] bool left_out(TimePoint now) const { return m_failures > 0 && now < m_until; }
    [[nodiscard]] TimePoint until() const { return m_until; }

  private:
    static constexpr int k_doublings_max = 16;
    std::chrono::milliseconds m_first;
    std::chrono::milliseconds m_most;
    int m_failures = 0; // one after another
    TimePoint m_until{};
};

} // namespace odysseus::proxy
