// The memory behind the device names of llama.cpp's log: "CUDA0", "Vulkan1", "CPU", "CUDA_Host".
#pragma once

#include "odysseus/hardware/machine.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace odysseus::memory {

struct DeviceMemory {
    std::optional<std::int64_t> total_bytes;
    std::optional<std::int64_t> free_bytes; // when the machine was looked at
};

// A GPU by its number among those that are used; everything else lies in the machine's own memory.
[[nodiscard]] DeviceMemory device_memory(const hardware::Machine& machine, std::string_view device);

} // namespace odysseus::memory
