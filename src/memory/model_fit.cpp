#include "odysseus/memory/model_fit.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>

namespace odysseus::memory {
namespace {

constexpr std::int64_t k_mib = std::int64_t{1} << 20;

// Whether the machine's memory holds it with the smallest context; without a GPU.
[[nodiscard]] Fits fits_in_ram(const hardware::Machine& machine, const models::Model& model,
                               const ContextWish& wish) {
    if (!machine.ram_mib) return Fits::yes;
    const auto need = model.loaded_bytes() + context_bytes(model, wish, k_ladder.back());
    return need <= *machine.ram_mib * k_mib ? Fits::yes : Fits::no;
}

[[nodiscard]] models::Model together(const std::vector<const models::Model*>& held) {
    models::Model sum;
    sum.id = concat(held.size(), " models together");
    sum.kv = models::KvShape{};
    for (const auto* model : held) {
        sum.size_bytes += model->loaded_bytes();
        if (!model->kv) sum.kv.reset(); // then the size tells
        if (sum.kv) {
            sum.kv->attention.insert(sum.kv->attention.end(), model->kv->attention.begin(),
                                     model->kv->attention.end());
            sum.kv->state_bytes_per_slot += model->kv->state_bytes_per_slot;
        }
        if (model->trained_context && *model->trained_context > sum.trained_context.value_or(0))
            sum.trained_context = model->trained_context;
    }
    return sum;
}

} // namespace

ModelFit fit_of(const hardware::Machine& machine, const models::Model* model,
                const ContextWish& wish) {
    ModelFit fit;
    fit.backend = machine.backend;
    fit.context = choose_auto_context(machine, model, wish);
    if (model == nullptr) return fit;
    if (machine.backend == Backend::cpu) {
        fit.fits = fits_in_ram(machine, *model, wish);
        return fit;
    }
    const auto placed = needed_placement(machine, *model, wish);
    if (!placed) return fit;
    fit.placement = placed->setup.placement;
    fit.fits = placed->fits;
    fit.reason = placed->reason;
    if (fit.context.source == "pinned") return fit;
    fit.context.tokens = placed->setup.context;
    fit.context.reason = concat(fit.context.tokens, " tokens: ", placed->reason);
    return fit;
}

ContextChoice shared_context(const hardware::Machine& machine,
                             const std::vector<models::Model>& models, std::size_t models_max,
                             const ContextWish& wish) {
    std::vector<const models::Model*> held;
    // What an embedder was trained for is no reason to give a chat model less.
    const bool any_decides = std::any_of(models.begin(), models.end(),
                                         [](const auto& model) { return model.decides_context(); });
    for (const auto& model : models) {
        if (any_decides && !model.decides_context()) continue;
        if (fit_of(machine, &model, wish).fits == Fits::yes) held.push_back(&model);
    }
    std::stable_sort(held.begin(), held.end(), [](const auto* a, const auto* b) {
        return a->loaded_bytes() > b->loaded_bytes();
    });
    if (models_max != 0 && held.size() > models_max) held.resize(models_max);
    if (held.size() == 1) return choose_auto_context(machine, held.front(), wish);
    if (held.empty())
        return choose_auto_context(machine, models.empty() ? nullptr : &models.front(), wish);
    const auto sum = together(held);
    return choose_auto_context(machine, &sum, wish);
}

std::optional<std::int64_t> prompt_cache_mib(const hardware::Machine& machine,
                                             const std::vector<models::Model>& models,
                                             const std::vector<ModelFit>& fits,
                                             const ContextWish& wish) {
    constexpr std::int64_t k_most_mib = 2048;
    constexpr std::int64_t k_least_mib = 256;
    constexpr std::int64_t k_rest_mib = 1024;
    if (!machine.ram_mib) return std::nullopt;
    std::int64_t need_mib = 0;
    for (std::size_t i = 0; i < models.size() && i < fits.size(); ++i) {
        if (fits[i].fits == Fits::no) continue;
        need_mib = std::max(need_mib, ram_bytes(machine, models[i], wish, fits[i].setup()) / k_mib);
    }
    const auto free_mib = machine.available_ram_mib.value_or(*machine.ram_mib);
    const auto left = std::min(free_mib, *machine.ram_mib) - need_mib - k_rest_mib;
    const auto cache = std::min({k_most_mib, *machine.ram_mib / 8, left});
    return cache < k_least_mib ? 0 : cache;
}

std::optional<std::size_t> first_to_run(const std::vector<models::Model>& models,
                                        const std::vector<ModelFit>& fits,
                                        const std::string& preferred) {
    for (std::size_t i = 0; i < models.size(); ++i) {
        const auto& names = models[i].names;
        if (!preferred.empty() && (models[i].id == preferred ||
                                   std::find(names.begin(), names.end(), preferred) != names.end()))
            return i;
    }
    for (std::size_t i = 0; i < fits.size() && i < models.size(); ++i) {
        if (fits[i].fits != Fits::no && models[i].decides_context()) return i;
    }
    for (std::size_t i = 0; i < fits.size(); ++i) {
        if (fits[i].fits != Fits::no) return i;
    }
    return models.empty() ? std::nullopt : std::optional<std::size_t>(0);
}

} // namespace odysseus::memory
