#include "odysseus/memory/context_choice.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/memory/compute_buffer.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace odysseus::memory {

namespace {

constexpr double k_mib_per_gib = 1024;
constexpr double k_bytes_per_gib = 1024.0 * 1024 * 1024;
constexpr std::int64_t k_mib = 1 << 20;
constexpr std::int64_t k_ram_spare_mib = 1024;   // as placement.cpp keeps it
constexpr std::int64_t k_estimate_max = 1 << 24; // tokens, where the cost sets no limit

struct Memory {
    double gib = 0;
    bool known = true;
    std::int64_t spare = 0; // bytes; of a GPU that tells its size
    std::string what;       // "23.5 GiB of free GPU memory"
};

[[nodiscard]] std::string gib_text(double gib) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f GiB", gib);
    return text;
}

[[nodiscard]] Memory ram_of(const hardware::Machine& machine) {
    if (machine.ram_mib) {
        const double gib = static_cast<double>(*machine.ram_mib) / k_mib_per_gib;
        return {gib, true, 0, gib_text(gib) + " of memory"};
    }
    constexpr double k_assumed_gib = 4;
    return {k_assumed_gib, false, 0, "an assumed 4.0 GiB of memory (its size is not known)"};
}

// Free memory, else the whole, of every GPU; one that tells neither counts for nothing.
[[nodiscard]] Memory gpu_memory(const hardware::Machine& machine) {
    std::int64_t mib = 0;
    std::int64_t spare = 0;
    bool all_free = true;
    bool any = false;
    for (const auto& gpu : used_gpus(machine)) {
        const auto known = gpu.free_mib ? gpu.free_mib : gpu.total_mib;
        if (!known) continue;
        any = true;
        all_free = all_free && gpu.free_mib.has_value();
        mib += *known;
        spare += spare_bytes(gpu.total_mib.value_or(*known) * k_mib, machine.backend);
    }
    if (any) {
        const double gib = static_cast<double>(mib) / k_mib_per_gib;
        return {gib, true, spare,
                gib_text(gib) + (all_free ? " of free GPU memory" : " of GPU memory")};
    }
    const auto used = used_gpus(machine);
    const bool own_memory =
        !used.empty() && std::all_of(used.begin(), used.end(),
                                     [](const auto& gpu) { return gpu.unified_memory == false; });
    if (own_memory) { // which is no part of the RAM, however much of that there is
        constexpr double k_card_gib = 4;
        return {k_card_gib, false, 0,
                "an assumed 4.0 GiB of GPU memory (the card does not tell its own; an installed "
                "build will)"};
    }
    const auto ram = ram_of(machine);
    const double gib = std::max(4.0, std::floor(ram.gib * 0.55));
    return {gib, ram.known, 0,
            gib_text(gib) + " that a GPU may use (taken from " + ram.what +
                ", as the GPU does not tell)"};
}

// What the cache of a context costs; `context` is that of one slot, as the estimate divides once.
struct KvCost {
    const models::Model* model;
    const ContextWish& wish;
    double gib_per_4096;

    [[nodiscard]] bool grows_evenly() const {
        return !model || !model->kv || kv_fixed_bytes(*model->kv, use(4096)) == 0;
    }
    [[nodiscard]] KvUse use(std::int64_t context) const {
        KvUse use;
        use.context = context * wish.parallel;
        use.slots = wish.parallel;
        use.unified = true;
        use.key_type = wish.key_type;
        use.value_type = wish.value_type;
        return use;
    }
    [[nodiscard]] double gib(std::int64_t context) const {
        return static_cast<double>(kv_bytes(*model->kv, use(context))) / k_bytes_per_gib;
    }
};

[[nodiscard]] KvCost kv_cost_of(const models::Model* model, const ContextWish& wish) {
    KvCost cost{model, wish, 0};
    if (model != nullptr && model->kv) {
        const auto a_token = kv_bytes_per_token(*model->kv, cost.use(4096));
        cost.gib_per_4096 = static_cast<double>(a_token) * 4096 / k_bytes_per_gib;
    } else {
        const auto bytes = model == nullptr ? 0 : model->loaded_bytes();
        cost.gib_per_4096 = models::kv_gib_by_size(static_cast<double>(bytes) / k_bytes_per_gib);
    }
    return cost;
}

// The most tokens a slot that fit, where more never cost less.
template <class Fits>
[[nodiscard]] std::int64_t most_tokens(const ContextWish& wish, Fits fits_with) {
    std::int64_t fits = 0;
    std::int64_t too_many = k_estimate_max / wish.parallel + 1;
    while (too_many - fits > 1) {
        const auto middle = fits + (too_many - fits) / 2;
        (fits_with(middle) ? fits : too_many) = middle;
    }
    return fits;
}

[[nodiscard]] std::int64_t estimated_max(double usable_gib, const KvCost& cost) {
    if (usable_gib <= 0) return 0;
    if (cost.grows_evenly()) {
        if (cost.gib_per_4096 <= 0) return k_estimate_max; // keeps nothing
        const double tokens =
            usable_gib / cost.gib_per_4096 * 4096 / static_cast<double>(cost.wish.parallel);
        constexpr double k_exact_max = 1LL << 53; // whole numbers are exact up to here
        return static_cast<std::int64_t>(std::min(tokens, k_exact_max));
    }
    // Windows and states cost much at first and little then.
    return most_tokens(cost.wish,
                       [&](std::int64_t tokens) { return cost.gib(tokens) <= usable_gib; });
}

// The weights that lie on the GPU when all of the model does: llama.cpp keeps the embedding of
// tokens in RAM, unless it serves as the output as well.
[[nodiscard]] std::int64_t gpu_weights(const models::Model& model) {
    const auto total = model.weights ? model.weights->total() : 0;
    if (total <= 0 || !model.weights->has_output) return model.loaded_bytes();
    const auto share = static_cast<double>(model.weights->embedding) / static_cast<double>(total);
    return model.loaded_bytes() -
           static_cast<std::int64_t>(share * static_cast<double>(model.size_bytes));
}

// What fits beside llama.cpp's own buffers; absent: they are not known. A projector has some of its
// own, which depend on the picture.
[[nodiscard]] std::optional<std::int64_t> counted_max(const Memory& memory, const KvCost& cost) {
    const auto* const model = cost.model;
    if (!cost.wish.buffers_known || memory.spare == 0 || model == nullptr || !model->kv ||
        !model->compute || model->mmproj)
        return std::nullopt;
    const auto free = static_cast<std::int64_t>(memory.gib * k_bytes_per_gib) - memory.spare -
                      gpu_weights(*model);
    const auto need = [&](std::int64_t tokens) {
        return kv_bytes(*model->kv, cost.use(tokens)) +
               compute_bytes(*model->compute, tokens * cost.wish.parallel);
    };
    return most_tokens(cost.wish, [&](std::int64_t tokens) { return need(tokens) <= free; });
}

// No answer is larger than the trained context needs.
[[nodiscard]] std::int64_t rung_for_training(std::int64_t trained) {
    std::int64_t rung = k_ladder.front();
    for (const auto each : k_ladder) {
        if (each >= trained) rung = each;
    }
    return rung;
}

// The rungs that only --ctx max climbs; absent: none of them. Never more than was trained.
[[nodiscard]] std::optional<std::int64_t> rung_above_ladder(std::int64_t estimate,
                                                            std::optional<std::int64_t> trained) {
    constexpr std::array<std::int64_t, 3> k_upper{262144, 131072, 65536};
    const auto most = std::min(estimate, trained.value_or(0));
    if (most <= k_ladder.front()) return std::nullopt;
    for (const auto rung : k_upper) {
        if (rung <= most) return rung;
    }
    // Between two rungs the model was trained for, and it is what it is asked for.
    return *trained <= estimate ? trained : std::nullopt;
}

[[nodiscard]] std::string model_text(const models::Model* model, const KvCost& cost) {
    char each[48];
    std::snprintf(each, sizeof each, "%.0f MiB", cost.gib_per_4096 * k_mib_per_gib);
    if (model == nullptr) return concat("no model yet, ", each, " assumed for 4096 tokens");
    return concat(
        "the largest model (", model->id, ") takes ", byte_text(model->loaded_bytes()), ", ", each,
        model->kv ? "" : " (by its size, as its metadata does not tell)", " for 4096 tokens",
        cost.grows_evenly()
            ? std::string()
            : concat(" and ", byte_text(kv_fixed_bytes(*model->kv, cost.use(4096))), " once"));
}

[[nodiscard]] std::string estimate_text(const ContextChoice& choice, const Memory& memory,
                                        const models::Model* model, const KvCost& cost) {
    const auto gib = [](std::int64_t mib) {
        return gib_text(static_cast<double>(mib) / k_mib_per_gib);
    };
    std::string text = concat(memory.what, ", ", model_text(model, cost), ", ");
    if (choice.compute_mib) {
        text += concat(gib(*choice.compute_mib), " to compute with and ", gib(*choice.spare_mib),
                       " spare; with ", gib(choice.overhead_mib),
                       " kept for the rest there would be room for ", choice.specified_max_tokens);
    } else {
        text += concat(gib(choice.overhead_mib), " is kept free for everything else");
    }
    if (choice.parallel > 1) text += concat(", ", choice.parallel, " slots share the context");
    return text;
}

} // namespace

std::optional<std::int64_t> rung_below(std::int64_t tokens) {
    for (const auto rung : k_ladder) {
        if (rung < tokens) return rung;
    }
    return std::nullopt;
}

std::int64_t rung_at_most(std::int64_t tokens) {
    return rung_below(tokens + 1).value_or(k_ladder.back());
}

std::optional<std::int64_t> rung_above(std::int64_t tokens) {
    std::optional<std::int64_t> above;
    for (const auto rung : k_ladder) {
        if (rung > tokens) above = rung;
    }
    return above;
}

std::vector<hardware::Gpu> used_gpus(const hardware::Machine& machine) {
    const auto wanted = [&machine](const hardware::Gpu& gpu) {
        switch (machine.backend) {
        case Backend::cuda: return gpu.vendor == hardware::Vendor::nvidia;
        case Backend::rocm: return gpu.vendor == hardware::Vendor::amd;
        case Backend::sycl: return gpu.vendor == hardware::Vendor::intel;
        case Backend::metal:
        case Backend::vulkan: return true;
        case Backend::cpu: return false;
        }
        return false;
    };
    std::vector<hardware::Gpu> used;
    std::copy_if(machine.gpus.begin(), machine.gpus.end(), std::back_inserter(used), wanted);
    // Vulkan passes over the GPU inside the processor when there is another one; so do
    // ROCm and SYCL.
    const auto is_shared = [](const hardware::Gpu& gpu) {
        return gpu.unified_memory.value_or(false);
    };
    if (!std::all_of(used.begin(), used.end(), is_shared)) std::erase_if(used, is_shared);
    return used;
}

ContextChoice choose_auto_context(const hardware::Machine& machine, const models::Model* largest,
                                  const ContextWish& asked) {
    ContextWish wish = asked;
    wish.parallel = std::max<std::int64_t>(wish.parallel, 1);
    const bool on_cpu = machine.backend == Backend::cpu;
    const auto memory = on_cpu ? ram_of(machine) : gpu_memory(machine);
    const auto cost = kv_cost_of(largest, wish);
    const auto model_bytes = largest == nullptr ? 0 : largest->loaded_bytes();
    const double model_gib = static_cast<double>(model_bytes) / k_bytes_per_gib;
    const double overhead_gib = on_cpu ? 2.0 : 2.5;

    ContextChoice choice;
    if (memory.known) {
        choice.available_mib = static_cast<std::int64_t>(memory.gib * k_mib_per_gib);
    }
    choice.largest_model_mib = static_cast<std::int64_t>(std::ceil(model_gib * k_mib_per_gib));
    choice.overhead_mib = static_cast<std::int64_t>(overhead_gib * k_mib_per_gib);
    choice.kv_mib_per_4096 = cost.gib_per_4096 * k_mib_per_gib;
    choice.parallel = wish.parallel;
    choice.specified_max_tokens = estimated_max(memory.gib - model_gib - overhead_gib, cost);
    choice.estimated_max_tokens = choice.specified_max_tokens;
    choice.counted_max_tokens = counted_max(memory, cost);
    if (choice.counted_max_tokens.value_or(0) > choice.specified_max_tokens) {
        choice.estimated_max_tokens = *choice.counted_max_tokens;
        const auto rung = rung_at_most(choice.estimated_max_tokens) * wish.parallel;
        choice.compute_mib = compute_bytes(*largest->compute, rung) / k_mib;
        choice.spare_mib = memory.spare / k_mib;
    }
    const auto basis = estimate_text(choice, memory, largest, cost);

    if (wish.pinned) {
        choice.tokens = *wish.pinned;
        choice.source = "pinned";
        choice.reason = concat("pinned to ", *wish.pinned, " tokens; the estimate would allow ",
                               choice.estimated_max_tokens, " (", basis, ").");
        return choice;
    }
    choice.source = "auto";
    choice.tokens = rung_at_most(choice.estimated_max_tokens);
    std::string limits;
    if (choice.estimated_max_tokens < k_ladder.back()) {
        limits = "; less than the smallest context of 2048 would fit, so it may not hold";
    }
    const auto trained = largest == nullptr ? std::nullopt : largest->trained_context;
    if (trained && *trained > 0 && rung_for_training(*trained) < choice.tokens) {
        choice.tokens = rung_for_training(*trained);
        limits = concat("; the model was trained for ", *trained);
    }
    if (const auto rung =
            wish.max ? rung_above_ladder(choice.estimated_max_tokens, trained) : std::nullopt) {
        choice.tokens = *rung;
        choice.source = "max";
        limits = concat("; the model was trained for ", *trained);
    }
    const bool more_fits = choice.estimated_max_tokens > k_ladder.front() && limits.empty();
    const auto room = more_fits
                          ? std::string("the automatic maximum; memory would allow more (--ctx N)")
                          : concat("room for ", choice.estimated_max_tokens);
    choice.reason = concat(choice.tokens, " tokens: ", room, " (", basis, ")", limits, ".");
    return choice;
}

std::int64_t context_bytes(const models::Model& model, const ContextWish& wish,
                           std::int64_t tokens) {
    const auto cost = kv_cost_of(&model, wish);
    if (model.kv) return kv_bytes(*model.kv, cost.use(tokens));
    return static_cast<std::int64_t>(cost.gib_per_4096 * k_bytes_per_gib / 4096 *
                                     static_cast<double>(tokens * wish.parallel));
}

models::ModelRoom model_room(const hardware::Machine& machine) {
    const auto estimate = choose_auto_context(machine, nullptr, {});
    if (!estimate.available_mib) return {};
    models::ModelRoom room;
    room.fast = std::max<std::int64_t>(*estimate.available_mib - estimate.overhead_mib, 0) * k_mib;
    const auto gpus = used_gpus(machine); // none with the CPU's builds
    const bool own_memory = std::any_of(gpus.begin(), gpus.end(), [](const auto& gpu) {
        return !gpu.unified_memory.value_or(false);
    });
    const auto ram = machine.available_ram_mib ? machine.available_ram_mib : machine.ram_mib;
    if (own_memory && ram) room.ram = std::max<std::int64_t>(*ram - k_ram_spare_mib, 0) * k_mib;
    return room;
}

} // namespace odysseus::memory
