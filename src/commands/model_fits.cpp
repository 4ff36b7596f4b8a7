#include "odysseus/commands/model_fits.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/builds/release.hpp"
#include "odysseus/memory/companions.hpp"
#include "odysseus/server/user_arguments.hpp"
#include "odysseus/system/process_info.hpp"

#include <algorithm>
#include <utility>

namespace odysseus::commands {
namespace {

using Kind = memory::Placement::Kind;

// One context for all, each with the placement that goes with it.
void share(const FitRules& rules, const std::vector<models::Model>& models,
           std::vector<memory::ModelFit>& fits, const memory::ContextChoice& context) {
    auto wish = rules.wish;
    wish.pinned = context.tokens;
    for (std::size_t i = 0; i < models.size(); ++i) {
        fits[i] = memory::fit_of(rules.machine, &models[i], wish);
        fits[i].context = context;
    }
}

// Fused attention is switched on by itself from about b6325 on (ggml-org/llama.cpp#15434).
bool tells_its_buffers(std::string_view tag) {
    constexpr std::int64_t k_first = 6400;
    if (tag.empty()) return true; // a program of the user's own
    const auto number = builds::build_number(tag);
    return number && *number >= k_first;
}

memory::ModelFit fit_for(const FitRules& rules, const models::Model& model,
                         const memory::ContextRecord& record) {
    auto alone = record.recalled(memory::fit_of(rules.machine, &model, rules.wish), model);
    if (!rules.worker) return alone;
    return memory::fit_with(*rules.worker, std::move(alone), rules.machine, model, rules.wish);
}

int held_by_router(const FitRules& rules) {
    return static_cast<int>(rules.models_max + rules.companions.size());
}

} // namespace

std::size_t models_held(const settings::Settings& settings,
                        const std::vector<std::string>& llama_args) {
    const auto said = server::user_arguments(llama_args).models_max;
    return said ? *said : static_cast<std::size_t>(settings.models_max.value_or(1));
}

FitRules fit_rules(const settings::Settings& settings, const hardware::Machine& machine,
                   const std::vector<std::string>& llama_args,
                   const std::optional<PlannedBuild>& build) {
    const auto said = server::user_arguments(llama_args);
    FitRules rules;
    rules.machine = machine;
    rules.wish.pinned = said.context ? said.context : settings.ctx;
    rules.wish.max = settings.ctx_max && !rules.wish.pinned;
    rules.wish.parallel = settings.parallel;
    rules.wish.key_type = rules.wish.value_type =
        memory::cache_type_from(settings.kv).value_or(memory::CacheType::f16);
    if (said.key_type) rules.wish.key_type = *said.key_type;
    if (said.value_type) rules.wish.value_type = *said.value_type;
    rules.wish.buffers_known =
        build && build->installed && tells_its_buffers(build->tag) && !said.changes_buffers;
    rules.models_max = models_held(settings, llama_args);
    rules.models_max_is_auto = !settings.models_max && !said.models_max;
    rules.preferred = settings.default_model;
    rules.machine_is_real = settings.hardware.empty();
    return rules;
}

FitRules with_companions(FitRules rules, const std::vector<models::Model>& models) {
    if (!rules.models_max_is_auto) return rules;
    auto found = memory::companions_of(rules.machine, models, rules.wish);
    if (found.ids.empty()) return rules;
    rules.machine = memory::machine_beside(std::move(rules.machine), found.bytes);
    rules.companions = std::move(found.ids);
    return rules;
}

FittedModels fitted_models(const FitRules& rules, const std::vector<models::Model>& models,
                           const memory::ContextRecord& record) {
    FittedModels fitted;
    for (const auto& model : models)
        fitted.fits.push_back(fit_for(rules, model, record));
    const auto first = memory::first_to_run(models, fitted.fits, rules.preferred);
    if (rules.models_max != 1 && models.size() > 1) {
        fitted.context = record.recalled(
            memory::shared_context(rules.machine, models, rules.models_max, rules.wish), models);
        share(rules, models, fitted.fits, fitted.context);
    } else if (first) {
        fitted.context = fitted.fits[*first].context;
        fitted.without_gpu = fitted.fits[*first].placement.kind == Kind::cpu;
    } else {
        fitted.context = memory::fit_of(rules.machine, nullptr, rules.wish).context;
    }
    fitted.prompt_cache_mib =
        memory::prompt_cache_mib(rules.machine, models, fitted.fits, rules.wish);
    fitted.models_max = held_by_router(rules);
    return fitted;
}

void take(Plan& plan, FittedModels fitted) {
    plan.fits = std::move(fitted.fits);
    plan.context = std::move(fitted.context);
    plan.without_gpu = fitted.without_gpu;
    plan.models_max = fitted.models_max;
    plan.prompt_cache_mib = fitted.prompt_cache_mib;
}

ModelFits::ModelFits(FitRules rules, memory::ContextRecord& record, server::PresetFile& preset)
    : m_rules(std::move(rules)), m_record(record), m_preset(preset) {
    if (m_rules.worker)
        m_preset.use_worker({m_rules.worker->port, m_rules.machine.backend == Backend::cpu});
}

void ModelFits::offer(const models::Catalog& catalog) {
    const auto& models = catalog.models;
    server::Placements placements;
    const std::lock_guard lock(m_mutex);
    const auto fitted = fitted_models(m_rules, models, m_record);
    std::map<std::string, Known> known;
    for (std::size_t i = 0; i < models.size(); ++i) {
        const auto before = m_known.find(models[i].id);
        const bool same = before != m_known.end() &&
                          before->second.model.size_bytes == models[i].size_bytes &&
                          before->second.model.modified_s == models[i].modified_s;
        // What was learnt of it stays.
        auto& now = known[models[i].id];
        now = same ? before->second : Known{models[i], fitted.fits[i]};
        now.model = models[i];
        placements[models[i].id] = now.fit.placement;
    }
    m_known = std::move(known);
    m_preset.offer(catalog, std::move(placements));
}

std::vector<std::string> ModelFits::use(const memory::Worker& worker) {
    std::vector<std::string> changed;
    const std::lock_guard lock(m_mutex);
    m_rules.worker = worker;
    for (auto& [id, known] : m_known) {
        auto fit = fit_for(m_rules, known.model, m_record);
        // What was learnt of the others stays.
        if (!fit.placement.worker && !known.fit.placement.worker) continue;
        if (fit.setup() == known.fit.setup()) continue;
        m_preset.place(id, fit.placement);
        known.fit = std::move(fit);
        known.before.reset();
        changed.push_back(id);
    }
    return changed;
}

FittedModels ModelFits::fitted(const std::vector<models::Model>& models,
                               const std::string& running) const {
    const std::lock_guard lock(m_mutex);
    FittedModels fitted;
    for (const auto& model : models) {
        const auto* known = find(model.id);
        fitted.fits.push_back(
            known != nullptr ? known->fit : memory::fit_of(m_rules.machine, &model, m_rules.wish));
    }
    const auto* runs = find(running);
    const auto first = memory::first_to_run(models, fitted.fits, m_rules.preferred);
    const auto fit = runs != nullptr ? runs->fit
                     : first         ? fitted.fits[*first]
                                     : memory::fit_of(m_rules.machine, nullptr, m_rules.wish);
    fitted.context = fit.context;
    fitted.without_gpu = fit.placement.kind == Kind::cpu && !is_shared();
    fitted.prompt_cache_mib =
        memory::prompt_cache_mib(m_rules.machine, models, fitted.fits, m_rules.wish);
    fitted.models_max = held_by_router(m_rules);
    return fitted;
}

std::vector<std::pair<std::string, std::int64_t>> ModelFits::contexts() const {
    const std::lock_guard lock(m_mutex);
    std::vector<std::pair<std::string, std::int64_t>> all;
    for (const auto& [id, known] : m_known)
        all.emplace_back(id, known.fit.context.tokens);
    return all;
}

std::optional<memory::Fits> ModelFits::fits_of(const std::string& model) const {
    const std::lock_guard lock(m_mutex);
    const auto* known = find(model);
    return known != nullptr ? std::optional(known->fit.fits) : std::nullopt;
}

std::optional<memory::Setup> ModelFits::of(const std::string& model) const {
    const auto& beside = m_rules.companions; // they run with whatever the others have
    if (std::find(beside.begin(), beside.end(), model) != beside.end()) return std::nullopt;
    const std::lock_guard lock(m_mutex);
    const auto* known = find(model);
    return known != nullptr ? std::optional(known->fit.setup()) : std::nullopt;
}

void ModelFits::set(const std::string& model, const memory::Setup& setup) {
    const std::lock_guard lock(m_mutex);
    const auto found = m_known.find(model);
    if (found == m_known.end()) return;
    if (setup.placement.worker && !(m_rules.worker && m_rules.worker->free_mib)) return; // it went
    auto& known = found->second;
    if (known.before == setup) {
        known.before.reset(); // nothing held: as it was
    } else if (!known.before && known.fit.setup() != setup) {
        constexpr std::chrono::seconds k_most{3600};
        known.before = known.fit.setup();
        known.climb_at = std::chrono::steady_clock::now() + known.climb_wait;
        known.climb_wait = std::min(2 * known.climb_wait, k_most);
    }
    put(model, known, setup);
}

bool ModelFits::is_due(const Known& known) {
    return known.before && std::chrono::steady_clock::now() >= known.climb_at;
}

bool ModelFits::may_climb(const std::string& model) const {
    const std::lock_guard lock(m_mutex);
    const auto* known = find(model);
    return known != nullptr && is_due(*known);
}

bool ModelFits::climb(const std::string& model) {
    const std::lock_guard lock(m_mutex);
    const auto found = m_known.find(model);
    if (found == m_known.end() || !is_due(found->second)) return false;
    put(model, found->second, *std::exchange(found->second.before, {}));
    return true;
}

void ModelFits::put(const std::string& model, Known& changed, const memory::Setup& setup) {
    if (changed.fit.placement != setup.placement) m_preset.place(model, setup.placement);
    for (auto& [id, known] : m_known) {
        if (id != model && !is_shared()) continue;
        auto& context = known.fit.context;
        if (context.tokens == setup.context) continue;
        context.reason =
            setup.context < context.tokens
                ? concat(setup.context, " tokens: memory ran out with ", context.tokens)
                : concat(setup.context, " tokens");
        context.tokens = setup.context;
    }
    memory::place(changed.fit, m_rules.machine, m_rules.worker, changed.model, setup.placement);
}

std::vector<memory::Setup> ModelFits::below(const std::string& model, const memory::Setup& failed,
                                            bool race) const {
    const auto machine = machine_now();
    const std::lock_guard lock(m_mutex);
    const auto* known = find(model);
    if (known == nullptr) return {};
    auto wish = m_rules.wish;
    if (is_shared()) wish.pinned = failed.context;
    const bool spread = failed.placement.worker && m_rules.worker && m_rules.worker->free_mib;
    auto below =
        memory::placements_below(spread ? memory::machine_with(machine, *m_rules.worker) : machine,
                                 known->model, wish, failed, race);
    for (auto& setup : below)
        setup.placement.worker = spread && setup.placement.kind != Kind::cpu;
    return below;
}

std::optional<std::string> ModelFits::refusal(const std::string& model) const {
    {
        const std::lock_guard lock(m_mutex);
        const auto* known = find(model);
        if (known == nullptr || known->fit.fits != memory::Fits::no ||
            m_rules.machine.backend == Backend::cpu)
            return std::nullopt;
    }
    const auto machine = machine_now(); // programs may have ended meanwhile
    const std::lock_guard lock(m_mutex);
    const auto* known = find(model);
    if (known == nullptr) return std::nullopt;
    const auto placed = memory::needed_placement(machine, known->model, m_rules.wish);
    if (!placed || placed->fits != memory::Fits::no) return std::nullopt;
    return placed->reason;
}

std::optional<std::string> ModelFits::waits_for(const std::string& model) const {
    const std::lock_guard lock(m_mutex);
    const auto* known = find(model);
    const auto& worker = m_rules.worker;
    if (known == nullptr || known->fit.fits != memory::Fits::no || !worker || worker->free_mib)
        return std::nullopt;
    return concat("model '", model, "' does not fit this machine alone, and the worker ",
                  worker->name, " is not there: ", worker->trouble,
                  "; it is asked again every few seconds");
}

std::string ModelFits::sentence(const std::string& model) const {
    const std::lock_guard lock(m_mutex);
    const auto* known = find(model);
    return known != nullptr ? known->fit.reason : "";
}

std::string ModelFits::figures(const std::string& model) const {
    const auto machine = machine_now();
    const std::lock_guard lock(m_mutex);
    const auto* known = find(model);
    return known != nullptr ? memory::memory_figures(machine, known->model) : "";
}

void ModelFits::held(const std::string& model, const memory::Setup& setup,
                     std::optional<std::int64_t> failed_tokens) {
    const std::lock_guard lock(m_mutex);
    if (setup.placement.worker) return; // what held there says nothing of this machine
    if (const auto* known = find(model)) m_record.held(known->model, setup, failed_tokens);
}

const ModelFits::Known* ModelFits::find(const std::string& model) const {
    const auto found = m_known.find(model);
    return found != m_known.end() ? &found->second : nullptr;
}

// Its RAM as it is now.
hardware::Machine ModelFits::machine_now() const {
    auto machine = m_rules.machine;
    constexpr std::int64_t k_mib = std::int64_t{1} << 20;
    const auto free = m_rules.machine_is_real ? system::memory_free() : std::nullopt;
    if (free) machine.available_ram_mib = *free / k_mib;
    return machine;
}

} // namespace odysseus::commands
