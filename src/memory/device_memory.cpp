#include "odysseus/memory/device_memory.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/memory/context_choice.hpp"

namespace odysseus::memory {
namespace {

std::optional<std::int64_t> bytes_of(const std::optional<std::int64_t>& mib) {
    return mib ? std::optional(*mib * 1024 * 1024) : std::nullopt;
}

// The N of "CUDA0"; absent for "CPU" and "CUDA_Host".
std::optional<std::int64_t> gpu_number(std::string_view device) {
    for (const std::string_view prefix :
         {"CUDA", "ROCm", "MUSA", "Vulkan", "Metal", "SYCL", "MTL"}) {
        if (device == prefix) return 0;
        if (device.starts_with(prefix)) return parsed_int(device.substr(prefix.size()));
    }
    return std::nullopt;
}

} // namespace

DeviceMemory device_memory(const hardware::Machine& machine, std::string_view device) {
    if (device.starts_with("RPC")) return {}; // another machine's
    const auto number = gpu_number(device);
    if (!number) return {bytes_of(machine.ram_mib), bytes_of(machine.available_ram_mib)};
    const auto gpus = used_gpus(machine);
    if (*number < 0 || static_cast<std::size_t>(*number) >= gpus.size()) return {};
    const auto& gpu = gpus[static_cast<std::size_t>(*number)];
    return {bytes_of(gpu.total_mib), bytes_of(gpu.free_mib)};
}

} // namespace odysseus::memory
