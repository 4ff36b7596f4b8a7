// A model that this machine alone does not hold, spread over it and a worker (--worker): llama.cpp
// divides the layers among the GPUs by what is free on each, and the worker is one of them. Only
// where it makes a difference: every token goes over the network.
#pragma once

#include "odysseus/memory/model_fit.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace odysseus::memory {

struct Worker {
    std::string name;                     // "box:7443"
    int port = 0;                         // of 127.0.0.1 that leads to it
    std::optional<std::int64_t> free_mib; // absent: it is not there
    std::string trouble;                  // why not
};

// With the worker as one of its GPUs, or as the only one. The worker must be there.
[[nodiscard]] hardware::Machine machine_with(const hardware::Machine& machine,
                                             const Worker& worker);

// `alone`, or how it is run with the worker where that holds more of the model.
[[nodiscard]] ModelFit fit_with(const Worker& worker, ModelFit alone,
                                const hardware::Machine& machine, const models::Model& model,
                                const ContextWish& wish);

// "X (19.6 GiB) is spread over this machine and the worker box:7443 (24.0 GiB free)": for what it
// is run with.
[[nodiscard]] std::string worker_sentence(const Worker& worker, const models::Model& model,
                                          const Placement& placement);

// The fit of a placement of the model that was tried, in place of the reckoned one.
void place(ModelFit& fit, const hardware::Machine& machine, const std::optional<Worker>& worker,
           const models::Model& model, const Placement& placement);

} // namespace odysseus::memory
