// Where the weights of a model lie when the GPU is too small for all of them: which go to RAM, by
// llama-server's `override-tensor` and `device`. The cache and the attention stay on the GPU as
// long as that is possible (docs/models.md, "Larger than the GPU").
#pragma once

#include "odysseus/hardware/machine.hpp"
#include "odysseus/memory/context_choice.hpp"
#include "odysseus/models/model.hpp"
#include "odysseus/models/model_room.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::memory {

// What lies in RAM. Each kind includes those before it.
struct Placement {
    enum class Kind {
        gpu,          // nothing
        experts,      // the experts of the last `blocks` blocks
        feed_forward, // the feed-forward weights of the last `blocks` blocks; all experts
        blocks,       // the weights of all blocks; the cache stays on the GPU
        cpu,          // everything: this model does not use the GPU
    };
    Kind kind = Kind::gpu;
    std::int64_t blocks = 0;
    std::int64_t of = 0; // how many blocks the model has
    bool worker = false; // what lies on the GPU is spread over it and the worker (worker_fit.hpp)

    bool operator==(const Placement&) const = default;
};
[[nodiscard]] std::string_view placement_name(Placement::Kind kind); // "feed_forward"
[[nodiscard]] std::optional<Placement::Kind> placement_from(std::string_view name);

// The value of `override-tensor`; empty: none is needed.
[[nodiscard]] std::string override_tensor(const Placement& placement, const models::Model& model);

// How one model is run.
struct Setup {
    std::int64_t context = 0; // tokens
    Placement placement;

    bool operator==(const Setup&) const = default;
};

using models::Fits;
[[nodiscard]] std::string_view fits_name(Fits fits);

// How a model is to be run that the GPU cannot hold.
struct PlacedModel {
    Setup setup;
    Fits fits = Fits::partly;
    std::int64_t ram_bytes = 0; // what must be free for it, with what is kept for the rest
    std::string reason;         // one sentence; for `no` the whole error
};

// Absent: it is run as a whole on the GPU, or there is no GPU, or its memory is not known. Decided
// by the whole memory of the devices, since what other programs hold may come back.
[[nodiscard]] std::optional<PlacedModel> needed_placement(const hardware::Machine& machine,
                                                          const models::Model& model,
                                                          const ContextWish& wish);

// What to try in this order when it ran out of the GPU's memory with `failed`: less and less on the
// GPU, in the end nothing. Empty: there is no way that the machine's RAM would bear.
// `race`: what failed may hold once more, as another program may have let go.
[[nodiscard]] std::vector<Setup> placements_below(const hardware::Machine& machine,
                                                  const models::Model& model,
                                                  const ContextWish& wish, const Setup& failed,
                                                  bool race);

// "the experts of 3 of 48 layers are in RAM; slower"; empty: nothing is.
[[nodiscard]] std::string ram_sentence(const Placement& placement, const models::Model& model);

// "X (19.6 GiB) is larger than the GPU (7.6 GiB free): ...", for what it is run with.
[[nodiscard]] std::string placement_sentence(const hardware::Machine& machine,
                                             const models::Model& model,
                                             const Placement& placement);
// "its weights are 19.6 GiB, the GPU has 7.6 GiB free, the machine 3.1 GiB of RAM".
[[nodiscard]] std::string memory_figures(const hardware::Machine& machine,
                                         const models::Model& model);

// What a model run so takes of the machine's RAM: weights, and the cache where it lies there.
[[nodiscard]] std::int64_t ram_bytes(const hardware::Machine& machine, const models::Model& model,
                                     const ContextWish& wish, const Setup& setup);

// The memory of all its GPUs together, in bytes.
struct DeviceRoom {
    std::int64_t total = 0;
    std::int64_t free = 0;
    std::int64_t devices = 0;
    bool is_ram = false; // the GPU has no memory of its own
};
[[nodiscard]] std::optional<DeviceRoom> device_room(const hardware::Machine& machine);

} // namespace odysseus::memory
