// What contexts held after memory had run out: for each model, build, device and number of slots.
// The next launch starts there instead of walking down the ladder again, and climbs back a rung
// when that is worth a try. A model that never ran out of memory is not remembered at all.
#pragma once

#include "odysseus/hardware/machine.hpp"
#include "odysseus/memory/model_fit.hpp"
#include "odysseus/models/model.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::memory {

// Under what circumstances something held. Any change of it: nothing is known.
struct HeldKey {
    std::string model; // path, relative to the models folder where it is below that
    std::int64_t size_bytes = 0;
    std::int64_t modified_s = 0;
    std::string build;  // tag
    std::string device; // device_text
    std::int64_t parallel = 1;

    bool operator==(const HeldKey&) const = default;
};
[[nodiscard]] HeldKey held_key(const models::Model& model, std::string_view models_dir,
                               const std::string& build, const hardware::Machine& machine,
                               std::int64_t parallel);
// The backend, and the memory it uses: "cuda NVIDIA GeForce RTX 4090 24564 MiB".
[[nodiscard]] std::string device_text(const hardware::Machine& machine);

struct HeldContext {
    HeldKey key;
    std::int64_t tokens = 0;              // the largest that held
    std::int64_t clean_runs = 0;          // launches at `tokens` without a memory failure
    std::int64_t failed_climbs = 0;       // each makes the next climb wait longer
    std::optional<std::int64_t> free_mib; // when it was found
    Placement placement;                  // of its weights

    bool operator==(const HeldContext&) const = default;
};

struct ContextMemory {
    std::vector<HeldContext> entries; // the one noted last is the last; at most 256

    bool operator==(const ContextMemory&) const = default;
};

// Where to start this time.
struct RememberedStart {
    std::int64_t tokens = 0;
    bool is_climb = false; // one rung above what held: worth a try
    std::string reason;    // one sentence
};
// Absent: nothing is remembered, or what is would allow as much as the estimate. A climb is due
// after three clean runs (doubled with each that failed), or with clearly more free memory than
// then.
[[nodiscard]] std::optional<RememberedStart> remembered_start(const ContextMemory& memory,
                                                              const HeldKey& key,
                                                              std::int64_t estimate_tokens,
                                                              std::optional<std::int64_t> free_mib);

// The estimate, or what held where that is less (source "remembered"). A pinned context stays.
[[nodiscard]] ContextChoice with_memory(ContextChoice estimate, const ContextMemory& memory,
                                        const HeldKey& key, std::optional<std::int64_t> free_mib);

// The same for a model that may lie partly in RAM: what held goes before what is reckoned, until a
// climb is due.
[[nodiscard]] ModelFit with_memory(const hardware::Machine& machine, const models::Model& model,
                                   ModelFit estimate, const ContextMemory& memory,
                                   const HeldKey& key, std::optional<std::int64_t> free_mib);

// The same for models that share one context: the least of what they are remembered by, in any
// order.
[[nodiscard]] ContextChoice with_memory(const ContextChoice& estimate, const ContextMemory& memory,
                                        const std::vector<HeldKey>& keys,
                                        std::optional<std::int64_t> free_mib);

// Once in a launch, when the model was loaded with `setup` and answered. `failed_tokens`: what ran
// out of memory before that, in this launch.
void note_held(ContextMemory& memory, const HeldKey& key, const Setup& setup,
               std::optional<std::int64_t> failed_tokens, std::optional<std::int64_t> free_mib);

// For the file HOME/data/context_memory.json. Reading: absent when it is no such text at all;
// entries that make no sense are dropped.
[[nodiscard]] std::string memory_json(const ContextMemory& memory);
[[nodiscard]] std::optional<ContextMemory> memory_from_json(std::string_view text);

} // namespace odysseus::memory
