#include "odysseus/service/model_gate.hpp"

#include <algorithm>
#include <utility>

namespace odysseus {
namespace {

// How often a waiting request looks whether its client is still there.
constexpr std::chrono::milliseconds k_gave_up_check_ms{50};

} // namespace

ModelGate::Pass::Pass(Pass&& other) noexcept
    : m_gate(std::exchange(other.m_gate, nullptr)), m_ticket(other.m_ticket) {}

ModelGate::Pass& ModelGate::Pass::operator=(Pass&& other) noexcept {
    std::swap(m_gate, other.m_gate);
    std::swap(m_ticket, other.m_ticket);
    return *this;
}

ModelGate::Pass::~Pass() {
    if (m_gate != nullptr) m_gate->leave(m_ticket);
}

ModelGate::Pass ModelGate::enter(const std::string& model, std::chrono::milliseconds limit,
                                 const GaveUp& gave_up) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    std::unique_lock lock(m_mutex);
    const auto ticket = m_queue.enter(model);
    while (!m_queue.admitted(ticket)) {
        const auto now = std::chrono::steady_clock::now();
        lock.unlock(); // the question may take its time
        const bool over = now >= deadline || (gave_up && gave_up());
        lock.lock();
        if (over) {
            m_queue.leave(ticket);
            m_changed.notify_all();
            return {};
        }
        if (m_queue.admitted(ticket)) break;
        m_changed.wait_until(lock, std::min(deadline, now + k_gave_up_check_ms));
    }
    return {this, ticket};
}

std::size_t ModelGate::waiting() const {
    const std::lock_guard lock(m_mutex);
    return m_queue.waiting();
}

void ModelGate::leave(SwitchQueue::Ticket ticket) {
    {
        const std::lock_guard lock(m_mutex);
        m_queue.leave(ticket);
    }
    m_changed.notify_all();
}

} // namespace odysseus
