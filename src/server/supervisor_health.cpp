// Whether llama-server is ready, and whether it still does what it is there for.
#include "odysseus/base/log.hpp"
#include "odysseus/base/overloaded.hpp"
#include "odysseus/base/text.hpp"
#include "supervisor_core.hpp"

#include <utility>

namespace odysseus::server {
namespace {

// A group that uses less than this between two looks does nothing.
constexpr std::int64_t k_idle_cpu_ms = 50;
// Loading may stand still for longer: a slow disk, a compiler in the GPU's driver.
constexpr int k_loading_patience = 10;
// A router that cannot start processes any more tries again without end or pause (seen with
// b11669).
constexpr int k_spawns_failed_max = 3;

// A model's process answers /health on a thread of its own, also while it reads a long prompt. One
// that refuses the connection is on its way in or out, and its end will be told.
std::string who_is_silent(World& world, const LlamaAddress& router,
                          const std::vector<ModelPort>& models, World::Time limit) {
    if (world.get(router, "/health", limit).status == 0) return "it";
    for (const auto& model : models) {
        const auto began = world.now();
        const auto answer = world.get({model.port, router.api_key}, "/health", limit);
        const auto waited = world.now() - began;
        if (answer.status == 0 && waited > limit / 4)
            return concat("the process of model '", model.model, "'");
    }
    return "";
}

} // namespace

void Supervisor::Core::check_readiness_soon(Moment at) {
    const auto phase = m_lifecycle.phase();
    if (phase != Lifecycle::Phase::starting && phase != Lifecycle::Phase::restarting) return;
    if (m_ending_child || !m_world->has_child()) return;
    if (!m_check_at || at < *m_check_at) m_check_at = at;
}

void Supervisor::Core::on_checked(const Checked& checked) {
    m_checking = false;
    if (checked.generation != m_lifecycle.generation() || m_ending_child || !m_world->has_child()) {
        return;
    }
    const auto phase = m_lifecycle.phase();
    if (phase != Lifecycle::Phase::starting && phase != Lifecycle::Phase::restarting) return;
    std::visit(
        Overloaded{
            [&](const Ready& ready) {
                m_start_limit.reset();
                m_check_at.reset();
                m_races_lost = 0;
                // Again: a wrapper script has become llama-server by now.
                m_world->child_is_ready();
                {
                    const std::lock_guard lock(m_state_mutex);
                    m_build = ready.build;
                }
                act(m_lifecycle.ready(m_descent.has_value()));
            },
            [&](const NotYet&) { check_readiness_soon(m_world->now() + m_spec.limits.ready_poll); },
            // Ours will find that it cannot bind, and end.
            [&](const Foreign&) {
                check_readiness_soon(m_world->now() + m_spec.limits.ready_poll);
            },
            [&](const WrongRole& wrong) { unplanned_end(wrong.reason); },
        },
        checked.readiness);
}

void Supervisor::Core::examine() {
    m_examine_at.reset();
    if (!m_world->has_child()) return;
    m_examining = true;
    m_world->send(World::Task::health,
                  [world = m_world.get(), address = address(), models = m_processes.serving(),
                   pid = m_world->child_pid(), limit = m_spec.limits.health_answer,
                   generation = m_lifecycle.generation()]() -> Message {
                      Examined examined{generation, who_is_silent(*world, address, models, limit),
                                        std::nullopt};
                      if (!examined.silent.empty()) examined.cpu_ms = world->group_cpu_ms(pid);
                      return examined;
                  });
}

// Not answering is not enough: every thread of it may be busy with long prompts. Not answering,
// writing nothing and using no processor time is.
void Supervisor::Core::on_examined(const Examined& examined) {
    m_examining = false;
    const auto phase = m_lifecycle.phase();
    const bool runs = phase == Lifecycle::Phase::serving || phase == Lifecycle::Phase::proving;
    if (examined.generation != m_lifecycle.generation() || m_ending_child || !runs) return;
    const auto now = m_world->now();
    m_examine_at = now + m_spec.limits.health_every;
    if (examined.silent.empty()) {
        m_silent_since.reset();
        tell_running_again(true);
        return;
    }
    const bool worked =
        examined.cpu_ms && m_silent_cpu_ms && *examined.cpu_ms - *m_silent_cpu_ms > k_idle_cpu_ms;
    if (!m_silent_since || worked || m_lines_seen != m_silent_lines) {
        m_silent_since = now;
        m_silent_cpu_ms = examined.cpu_ms;
        m_silent_lines = m_lines_seen;
        return;
    }
    auto patience = m_spec.limits.hung_after;
    // Where processor time is not told, or a model loads, standing still proves less.
    if (m_processes.is_loading() || !examined.cpu_ms) patience *= k_loading_patience;
    if (now - *m_silent_since < patience) return;
    unplanned_end(concat(
        examined.silent, " had not answered or done anything for ",
        std::chrono::duration_cast<std::chrono::seconds>(now - *m_silent_since).count(), " s"));
}

void Supervisor::Core::watch_model(const LogFact& fact) {
    if (fact.kind == LogFact::Kind::leaving) {
        m_look_for_stuck_at = m_world->now() + m_spec.limits.leaving;
    }
    if (fact.kind == LogFact::Kind::spawn_failed) {
        if (++m_spawns_failed < k_spawns_failed_max) return;
        m_spawns_failed = 0;
        unplanned_end("it could not start a process for a model");
    } else if (fact.from_model) {
        m_spawns_failed = 0;
    }
}

// Only what a backend says when it begins: later a client's text may stand in the log.
void Supervisor::Core::on_gpu_unused(const LogFact& fact) {
    const auto phase = m_lifecycle.phase();
    const bool begins = fact.from_model ? !m_processes.has_loaded(fact.port)
                                        : phase == Lifecycle::Phase::starting ||
                                              phase == Lifecycle::Phase::restarting;
    if (!m_spec.uses_gpu || !begins || m_gpu_unused == fact.text) return;
    m_gpu_unused = fact.text;
    if (!std::exchange(m_gpu_unused_told, true))
        log::warn(concat("the GPU is not used, llama-server computes on the CPU: ", fact.text));
    republish();
}

// A model's process that somebody else sent TERM answers nothing any more, holds the streams that
// it had begun, and waits for its router for ever; the router goes on taking it for loaded (seen
// with b11669).
void Supervisor::Core::look_for_stuck_processes() {
    m_look_for_stuck_at.reset();
    if (const auto* process = m_processes.leaver()) {
        unplanned_end(concat("the process of model '", process->model,
                             "' was told to end, by somebody else, and does not"));
    }
}

} // namespace odysseus::server
