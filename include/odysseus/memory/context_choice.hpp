// How large a context to start with: the documented estimate (docs/models.md, "The context"), with
// the model's own KV cost where its metadata tells it.
#pragma once

#include "odysseus/hardware/machine.hpp"
#include "odysseus/memory/kv_cost.hpp"
#include "odysseus/models/model.hpp"
#include "odysseus/models/model_room.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::memory {

// The contexts that are tried, largest first.
inline constexpr std::array<std::int64_t, 7> k_ladder{32768, 24576, 16384, 12288, 8192, 4096, 2048};

// The largest rung below `tokens`; absent: the ladder ends here.
[[nodiscard]] std::optional<std::int64_t> rung_below(std::int64_t tokens);
// The largest rung that is not above `tokens`, at least the lowest one.
[[nodiscard]] std::int64_t rung_at_most(std::int64_t tokens);
// The smallest rung above `tokens`; absent: it is the top.
[[nodiscard]] std::optional<std::int64_t> rung_above(std::int64_t tokens);

struct ContextWish {
    std::optional<std::int64_t> pinned; // --ctx: exactly this
    bool max = false; // --ctx max: rungs above the ladder too, up to the trained context
    // A llama.cpp build is there whose buffers are known (compute_buffer.hpp): what the model needs
    // of them counts instead of the flat sum, where that allows more.
    bool buffers_known = false;
    std::int64_t parallel = 1;
    CacheType key_type = CacheType::f16; // as the user tells llama-server
    CacheType value_type = CacheType::f16;
};

// `context` of `plan --json` and of /odysseus/status.
struct ContextChoice {
    std::int64_t tokens = 0;
    std::string source;                        // "auto", "pinned" or "remembered"
    std::optional<std::int64_t> available_mib; // absent: not known
    std::int64_t largest_model_mib = 0;
    std::int64_t overhead_mib = 0;
    double kv_mib_per_4096 = 0;
    std::int64_t parallel = 1;
    std::int64_t estimated_max_tokens = 0; // what would fit, whatever the ladder; 0: nothing
    std::int64_t specified_max_tokens = 0; // the same with the flat sum of overhead_mib
    std::optional<std::int64_t> counted_max_tokens; // by the buffers, where they are known
    std::optional<std::int64_t> compute_mib;        // of these buffers, with `tokens`
    std::optional<std::int64_t> spare_mib;          // that is left free beside them
    std::string reason;                             // one sentence
};

// What held before (context_memory.hpp) is not asked here. `largest`: of the models; null: there is
// none.
[[nodiscard]] ContextChoice choose_auto_context(const hardware::Machine& machine,
                                                const models::Model* largest,
                                                const ContextWish& wish);

// What the cache of a context of `tokens` for each slot takes.
[[nodiscard]] std::int64_t context_bytes(const models::Model& model, const ContextWish& wish,
                                         std::int64_t tokens);

// The GPUs whose memory llama.cpp will use with this machine's backend.
[[nodiscard]] std::vector<hardware::Gpu> used_gpus(const hardware::Machine& machine);

// What the estimate has for weights and KV cache on this machine; absent: not known.
[[nodiscard]] models::ModelRoom model_room(const hardware::Machine& machine);

} // namespace odysseus::memory
