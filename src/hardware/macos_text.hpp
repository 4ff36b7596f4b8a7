// What macOS tells of itself -> values: sysctl, vm_stat, the Mach clock.
#pragma once

#include "odysseus/hardware/machine.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace odysseus::hardware {

// The names that are asked for; the answer has a line "name: value" for each that exists.
inline constexpr const char* k_sysctl_names[] = {
    "hw.memsize",        "hw.physicalcpu",       "machdep.cpu.brand_string",
    "hw.optional.arm64", "iogpu.wired_limit_mb", "kern.osproductversion"};

// Fills CPU, memory, architecture and, on Apple silicon, the GPU. Its memory is the machine's:
// unified, and the total stays unknown unless the user has set iogpu.wired_limit_mb.
void apply_sysctl(std::string_view output, Machine& machine);

// MiB that could be had: free, inactive, speculative and purgeable pages of vm_stat.
[[nodiscard]] std::optional<std::int64_t> parse_vm_stat(std::string_view output);

} // namespace odysseus::hardware
