#include "shared.hpp"

namespace odysseus::proxy {

Traffic Counters::traffic() const {
    Traffic out;
    out.total = total;
    out.active = active;
    out.replayed = replayed;
    out.refused = refused;
    out.hung_up = hung_up;
    out.cut = cut;
    out.connections = connections;
    out.bytes_to_clients = bytes;
    for (std::size_t i = 0; i < by_class.size(); ++i)
        out.by_class[i] = by_class[i];
    out.first_byte_s = static_cast<double>(first_byte_us) / 1e6;
    out.idle_unloaded = out.total > 0 && idle_unloaded_at == out.total;
    out.total_s = static_cast<double>(total_us) / 1e6;
    return out;
}

Turns::Turn::Turn(Turns& turns, const std::string& model, const Waiter::WakeUp& wake_up, bool alone)
    : m_turns(&turns) {
    const std::lock_guard lock(turns.m_mutex);
    m_ticket = turns.m_queue.enter(model, alone);
    if (!turns.m_queue.admitted(m_ticket)) turns.m_waiting.emplace(m_ticket, wake_up);
}

Turns::Turn::~Turn() {
    if (m_turns == nullptr) return;
    const std::lock_guard lock(m_turns->m_mutex);
    try {
        m_turns->m_waiting.erase(m_ticket);
        for (const auto admitted : m_turns->m_queue.leave(m_ticket)) {
            if (const auto waiter = m_turns->m_waiting.extract(admitted)) waiter.mapped()();
        }
    } catch (...) { // no memory: those that wait look again by themselves
    }
}

bool Turns::Turn::has_come() const {
    if (m_turns == nullptr) return true;
    const std::lock_guard lock(m_turns->m_mutex);
    return m_turns->m_queue.admitted(m_ticket);
}

} // namespace odysseus::proxy
