// The variables by which a user hides GPUs from llama.cpp.
#pragma once

#include "mig_text.hpp"
#include "nvidia_text.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::hardware {

struct CudaVisible {
    std::string devices; // CUDA_VISIBLE_DEVICES
    std::string order;   // CUDA_DEVICE_ORDER; empty: llama-server gets PCI_BUS_ID
};

// CUDA_VISIBLE_DEVICES: keeps the GPUs that it names by index, UUID or MIG instance, in its order;
// nothing after the first entry that is no GPU counts (the rule of the CUDA programming guide).
void apply_visible_devices(const CudaVisible& visible, const std::vector<MigInstance>& instances,
                           NvidiaAnswer& answer);

// Those of the other backends count for llama.cpp, and only its own list of devices tells what they
// leave. `set` are the names that are set; the answer is a note, if there is something to say.
[[nodiscard]] std::optional<std::string> hidden_devices_note(const std::vector<std::string>& set,
                                                             const Machine& machine);
// The names that are looked at.
[[nodiscard]] const std::vector<const char*>& hiding_variables();

} // namespace odysseus::hardware
