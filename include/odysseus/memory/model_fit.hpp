// How each model is run on this machine: its context, and where its weights lie.
#pragma once

#include "odysseus/memory/placement.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::memory {

struct ModelFit {
    ContextChoice context;
    Placement placement;
    Fits fits = Fits::yes;
    std::string reason; // one sentence, where not all of it is on the GPU; else empty

    Backend backend = Backend::cpu; // of the machine

    [[nodiscard]] Backend device() const {
        return placement.kind == Placement::Kind::cpu ? Backend::cpu : backend;
    }
    [[nodiscard]] Setup setup() const { return {context.tokens, placement}; }
};

// `model`: null for none yet.
[[nodiscard]] ModelFit fit_of(const hardware::Machine& machine, const models::Model* model,
                              const ContextWish& wish);

// One context for models that are held together, the largest that fit `models_max` of them (0:
// all).
[[nodiscard]] ContextChoice shared_context(const hardware::Machine& machine,
                                           const std::vector<models::Model>& models,
                                           std::size_t models_max, const ContextWish& wish);

// Which of them is run first, where nobody has asked yet: `preferred` (an id, may be empty), else
// the first that fits. Both lists have the same order. Absent: there is none.
[[nodiscard]] std::optional<std::size_t> first_to_run(const std::vector<models::Model>& models,
                                                      const std::vector<ModelFit>& fits,
                                                      const std::string& preferred);

// The RAM, in MiB, that llama-server may keep finished prompts in (its own default is 8 GiB,
// whatever the machine has): 2 GiB, an eighth of it, or what the neediest of these models leaves
// beside 1 GiB; 0 where that is hardly anything. Absent: the machine's RAM is not known.
[[nodiscard]] std::optional<std::int64_t> prompt_cache_mib(const hardware::Machine& machine,
                                                           const std::vector<models::Model>& models,
                                                           const std::vector<ModelFit>& fits,
                                                           const ContextWish& wish);

} // namespace odysseus::memory
