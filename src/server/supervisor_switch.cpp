// Each model is run in its own way: what a request's model needs, and the start that gives it.
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "supervisor_core.hpp"

#include <algorithm>

namespace odysseus::server {
namespace {

// What nothing could hold is not tried again for so long: every try costs all others a restart.
constexpr std::chrono::minutes k_hopeless_for{2};
constexpr std::chrono::seconds k_worker_retry_after{5};

} // namespace

// --- any thread ---------------------------------------------------------------------------------

std::variant<Serving, GiveUp> Supervisor::Core::admit(const std::string& model) {
    auto serving = current();
    if (serving.state != State::ready) return serving;
    if (const auto verdict = hopeless_verdict(model)) {
        if (const auto* in_vain = std::get_if<GiveUp>(&*verdict)) return *in_vain;
    }
    if (!m_spec.setups) return serving;
    if (const auto why = m_spec.setups->waits_for(model))
        return GiveUp{503, "worker_lost", *why, k_worker_retry_after};
    if (const auto why = m_spec.setups->refusal(model))
        return GiveUp{503, "out_of_memory", *why, std::nullopt};
    if (m_spec.setups->is_shared()) return serving;
    bool descending = false;
    {
        const std::lock_guard lock(m_state_mutex);
        descending = m_descending;
    }
    const auto setup = m_spec.setups->of(model);
    // It has to be loaded anyway: the time to see whether memory that was short is back.
    const bool climbs = !descending && serving.model != model && m_spec.setups->may_climb(model);
    const bool to_switch = climbs || needs_switch(setup, serving);
    if (to_switch && !descending) post(SwitchAsked{serving.generation, model});
    if (descending || to_switch) serving.state = State::restarting;
    // One beside the others changes nothing of how they run.
    if (serving.state == State::ready && setup) {
        const std::lock_guard lock(m_state_mutex);
        m_serving.model = model;
    }
    return serving;
}

bool Supervisor::Core::needs_switch(const std::optional<memory::Setup>& setup,
                                    const Serving& serving) {
    if (!setup) return false;
    const bool without_gpu = setup->placement.kind == memory::Placement::Kind::cpu;
    return setup->context != serving.context || without_gpu != serving.without_gpu;
}

std::optional<Verdict> Supervisor::Core::hopeless_verdict(const std::string& model) {
    const std::lock_guard lock(m_state_mutex);
    const auto found = m_hopeless.find(model);
    if (found == m_hopeless.end()) return std::nullopt;
    if (m_world->now() - found->second.when < k_hopeless_for) return found->second.verdict;
    m_hopeless.erase(found);
    return std::nullopt;
}

void Supervisor::Core::setups_changed(std::vector<std::string> models, std::string why) {
    post(SetupsChanged{std::move(models), std::move(why)});
}

// --- the owner ----------------------------------------------------------------------------------

void Supervisor::Core::give_up(const std::string& model, const Verdict& verdict) {
    // Who asks again in this moment gets the same.
    m_judged[model] = {m_processes.ends(model), m_world->now(), verdict};
    const std::lock_guard lock(m_state_mutex);
    m_hopeless[model] = {0, m_world->now(), verdict};
}

bool Supervisor::Core::climb(const std::string& model) {
    try {
        if (!m_spec.setups->climb(model)) return false;
    } catch (const std::exception& error) {
        log::warn(concat("model '", model, "' stays with less: ", error.what()));
        return false;
    }
    log::info(concat("model '", model, "' is tried with what it had before memory ran out"));
    return true;
}

// Nobody uses the model that runs: the proxy lets one model at a time have its turn.
void Supervisor::Core::on_switch_asked(const SwitchAsked& asked) {
    if (asked.generation != m_lifecycle.generation() || m_descent ||
        m_lifecycle.phase() != Lifecycle::Phase::serving) {
        return;
    }
    const auto serving = current();
    const bool climbs = serving.model != asked.model && climb(asked.model);
    if (!climbs && !needs_switch(m_spec.setups->of(asked.model), serving)) return;
    const auto setup = setup_of(asked.model);
    m_without_gpu = setup.placement.kind == memory::Placement::Kind::cpu;
    log::debug("llama-server is started again for another model",
               {{"model", asked.model}, {"context", concat(setup.context)}});
    act(m_lifecycle.step(m_lifecycle.generation(), setup.context));
}

// A worker came or went. What runs with one that went is ended at once, for it may wait for ever.
void Supervisor::Core::on_setups_changed(const SetupsChanged& changed) {
    const auto concerns = [&changed](const std::string& model) {
        const auto& models = changed.models;
        return std::find(models.begin(), models.end(), model) != models.end();
    };
    {
        const std::lock_guard lock(m_state_mutex);
        for (const auto& model : changed.models)
            m_hopeless.erase(model);
    }
    if (m_descent && concerns(m_descent->ladder.model()))
        end_reduction(GiveUp{503, "worker_lost", changed.why, k_worker_retry_after},
                      Outcome::failed);
    if (m_lifecycle.phase() != Lifecycle::Phase::serving) {
        m_setups_changed = true;
    } else if (const auto model = current().model; concerns(model)) {
        const auto setup = setup_of(model);
        m_without_gpu = setup.placement.kind == memory::Placement::Kind::cpu;
        act(m_lifecycle.step(m_lifecycle.generation(), setup.context));
    } else {
        read_presets_again();
    }
}

memory::Setup Supervisor::Core::setup_of(const std::string& model) const {
    auto setup = m_spec.setups ? m_spec.setups->of(model) : std::nullopt;
    return setup.value_or(memory::Setup{m_lifecycle.context(), {}});
}

// A full disk costs this descent, and nothing else.
bool Supervisor::Core::write_setup(const std::string& model, const memory::Setup& setup) const {
    if (!m_spec.setups) return true;
    try {
        m_spec.setups->set(model, setup);
        return true;
    } catch (const std::exception& error) {
        log::error(concat("a context of ", setup.context, " tokens for model '", model,
                          "' is not used: ", error.what()));
        return false;
    }
}

} // namespace odysseus::server
