#include "odysseus/server/ladder.hpp"

#include <algorithm>

namespace odysseus::server {

std::optional<std::int64_t> rung_that_can_hold(std::int64_t present_tokens,
                                               std::optional<std::int64_t> asked_bytes,
                                               std::optional<std::int64_t> ceiling_bytes) {
    auto rung = memory::rung_below(present_tokens);
    if (!asked_bytes || !ceiling_bytes || present_tokens <= 0) return rung;
    const double bytes_per_token =
        static_cast<double>(*asked_bytes) / static_cast<double>(present_tokens);
    while (rung && *rung > memory::k_ladder.back() &&
           bytes_per_token * static_cast<double>(*rung) > static_cast<double>(*ceiling_bytes)) {
        rung = memory::rung_below(*rung);
    }
    return rung;
}

ContextReduction::ContextReduction(std::string model, std::int64_t context)
    : m_model(std::move(model)), m_origin(context), m_context(context) {}

ContextReduction::Step ContextReduction::step_to(std::optional<std::int64_t> rung, Step otherwise) {
    if (!rung) return otherwise;
    m_context = *rung;
    return Try{*rung};
}

ContextReduction::Step ContextReduction::out_of_memory(const OutOfMemory& memory,
                                                       std::optional<std::int64_t> ceiling_bytes) {
    m_on_suspicion = false;
    if (!m_first) m_first = memory;
    return step_to(rung_that_can_hold(m_context, memory.bytes, ceiling_bytes), Exhausted{memory});
}

ContextReduction::Step ContextReduction::failed(const OomVerdict& verdict,
                                                std::optional<std::int64_t> ceiling_bytes) {
    if (m_tried.empty() || m_tried.back() != m_context) m_tried.push_back(m_context);
    if (const auto* memory = std::get_if<OutOfMemory>(&verdict)) {
        return out_of_memory(*memory, ceiling_bytes);
    }
    if (const auto* none = std::get_if<NoFreeMemory>(&verdict)) {
        if (m_waits) return out_of_memory({none->reason, std::nullopt, ""}, ceiling_bytes);
        m_waits = true;
        m_on_suspicion = false;
        return Try{m_context};
    }
    if (const auto* other = std::get_if<OtherCause>(&verdict)) return NotMemory{other->reason};
    if (std::holds_alternative<DeviceLost>(verdict)) return Try{m_context}; // in another process
    const auto& reason = std::get<Suspicion>(verdict).reason;
    if (m_on_suspicion) return NotMemory{reason};
    m_on_suspicion = true;
    if (const auto rung = memory::rung_below(m_context)) return step_to(rung, NotMemory{reason});
    // After a proven failure further up, a silent one on the last rung is the end of the ladder;
    // without one, whatever ended it may have passed.
    if (m_first) return Exhausted{*m_first};
    return Try{m_context};
}

Lifecycle::StartAt Lifecycle::start_again(std::int64_t context, Time delay) {
    m_context = context;
    m_phase = m_has_served ? Phase::restarting : Phase::starting;
    return {context, ++m_generation, delay};
}

Lifecycle::Action Lifecycle::start() {
    if (m_generation != 0 || m_phase != Phase::starting) return Nothing{};
    return start_again(m_context, Time(0));
}

Lifecycle::Action Lifecycle::ready(bool model_to_prove) {
    if (m_phase != Phase::starting && m_phase != Phase::restarting) return Nothing{};
    m_has_served = true;
    m_phase = model_to_prove ? Phase::proving : Phase::serving;
    if (model_to_prove) return Prove{};
    return Serve{};
}

Lifecycle::Action Lifecycle::held() {
    if (m_phase != Phase::proving) return Nothing{};
    m_phase = Phase::serving;
    return Serve{};
}

Lifecycle::Action Lifecycle::step(std::uint64_t generation, std::int64_t context) {
    if (generation != m_generation) return Nothing{};
    if (m_phase != Phase::serving && m_phase != Phase::proving) return Nothing{};
    return start_again(context, Time(0));
}

Lifecycle::Action Lifecycle::exited(Time now) {
    if (m_phase == Phase::failed || m_phase == Phase::stopping) return Nothing{};
    if (!m_has_served) {
        m_phase = Phase::failed;
        return Fail{};
    }
    while (!m_failures.empty() && now - m_failures.front() > m_limits.window) {
        m_failures.pop_front();
    }
    m_failures.push_back(now);
    const auto count = static_cast<int>(m_failures.size());
    if (count > m_limits.failures_max) {
        m_phase = Phase::failed;
        return Fail{m_limits.cool_down};
    }
    // The first restart is at once; the next ones give the cause time to go away.
    Time delay{0};
    if (count > 1) delay = m_limits.delay_first * (1 << std::min(count - 2, 10));
    return start_again(m_context, delay);
}

Lifecycle::Action Lifecycle::due() {
    if (m_phase != Phase::failed || !m_has_served) return Nothing{};
    // One try for each cool-down, until the window forgets the failures.
    return start_again(m_context, Time(0));
}

Lifecycle::Action Lifecycle::stop() {
    if (m_phase == Phase::stopping) return Nothing{};
    m_phase = Phase::stopping;
    return Stop{};
}

} // namespace odysseus::server
