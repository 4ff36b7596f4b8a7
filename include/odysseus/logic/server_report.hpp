// What an installed llama-server says about itself: `--version` and `--list-devices`. The ground
// truth that the choice of a build is checked against.
#pragma once

#include "odysseus/logic/machine.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus {

// "b11669" out of "version: 0.7.0 (build 11669, commit Debian)", and of the older
// "version: 9775 (be4a6a63e)"; other lines may stand around it. No build number: absent.
[[nodiscard]] std::optional<std::string> version_tag(std::string_view text);

struct ServerDevice {
    std::string id;                 // "CUDA0", "Vulkan1"
    std::string description;        // "NVIDIA GeForce RTX 4090 (24217 MiB, 23000 MiB free)"
    std::optional<Backend> backend; // absent: a kind that is no GPU of ours (RPC, BLAS, ...)
    bool software = false;          // a GPU in name only: llvmpipe, SwiftShader, WARP
};

// The lines after "Available devices:". Absent: that heading is not there (the program is too old
// for the flag, or failed).
[[nodiscard]] std::optional<std::vector<ServerDevice>> listed_devices(std::string_view text);

// At least one of them is a real GPU that this backend drives. True for cpu, which needs none.
[[nodiscard]] bool serves(const std::vector<ServerDevice>& devices, Backend backend);

} // namespace odysseus
