// What Linux tells in /proc, /sys and a few version files -> values. Text in, values out; the files
// are read in probe_linux.cpp.
#pragma once

#include "odysseus/hardware/machine.hpp"
#include "odysseus/system/kernel_text.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::hardware {

// --- memory

struct MemoryInfo {
    std::optional<std::int64_t> total_mib;
    std::optional<std::int64_t> available_mib;
};
// /proc/meminfo. Kernels of before 3.14 have no MemAvailable: free, buffers and cache instead.
[[nodiscard]] MemoryInfo parse_meminfo(std::string_view text);

// A line "KEY NUMBER" of memory.stat.
[[nodiscard]] std::optional<std::int64_t> stat_value(std::string_view text, std::string_view key);
// cpu.max "200000 100000" -> 2.0; absent for "max".
[[nodiscard]] std::optional<double> cpu_quota(std::string_view cpu_max);

// One level of a memory limit. `reclaimable_bytes`: page cache that counts as used (inactive_file).
struct MemoryLimit {
    std::int64_t limit_bytes = 0;
    std::int64_t used_bytes = 0;
    std::int64_t reclaimable_bytes = 0;
};
// Narrows to the limit. True when it was narrower than the machine.
bool apply_memory_limit(MemoryInfo& memory, const MemoryLimit& limit);

// --- CPU

struct CpuInfo {
    std::optional<std::string> model;
    std::optional<std::int64_t> cores; // physical, where the kernel tells; else processors
};
// /proc/cpuinfo, counting only the processors of `allowed` (all when absent).
[[nodiscard]] CpuInfo parse_cpuinfo(std::string_view text,
                                    const std::optional<std::vector<int>>& allowed);
// "0-3,8,10-11".
[[nodiscard]] std::optional<std::vector<int>> cpu_list(std::string_view text);
// --- GPUs

// /sys/class/kfd/kfd/topology/nodes/N/properties.
struct KfdNode {
    bool is_gpu = false;
    std::optional<std::string> gfx;         // "gfx1100", "gfx90a"
    std::optional<std::string> pci_address; // "0000:03:00.0"
};
[[nodiscard]] KfdNode parse_kfd_node(std::string_view properties);
// gfx_target_version 110000 -> "gfx1100", 90010 -> "gfx90a"; minor and stepping are hexadecimal.
[[nodiscard]] std::optional<std::string> gfx_name(std::int64_t target_version);
// APUs by their chip: their "VRAM" is a slice of the RAM, and they use the GTT as well.
[[nodiscard]] bool is_unified_gfx(std::string_view gfx);

// A file of sysfs that holds one number, decimal or "0x...".
[[nodiscard]] std::optional<std::int64_t> sysfs_number(std::string_view text);
[[nodiscard]] std::optional<Vendor> pci_vendor(std::int64_t vendor_id);
// The name of a device in pci.ids ("Navi 31 [Radeon RX 7900 XT/7900 XTX]" -> the bracket's words).
[[nodiscard]] std::optional<std::string>
pci_device_name(std::string_view pci_ids, std::int64_t vendor_id, std::int64_t device_id);

// --- libraries

// "2.36" from `ldd --version`, gnu_get_libc_version or a file name; "none" for musl.
[[nodiscard]] std::optional<std::string> parse_glibc(std::string_view text);
// "2.36" out of the bytes of a glibc's libc.so.6, which holds its banner.
[[nodiscard]] std::optional<std::string> glibc_of_library(std::string_view library);
// "nixos", "alpine", "debian": ID of /etc/os-release.
[[nodiscard]] std::optional<std::string> distribution_id(std::string_view os_release);
// "7.2.0" from ROCm's .info/version ("7.2.0-58").
[[nodiscard]] std::optional<std::string> parse_rocm_version(std::string_view text);
// "7" from "libamdhip64.so.7" or "libamdhip64.so.7.2.70200".
[[nodiscard]] std::optional<std::string> rocm_of_hip_library(std::string_view file_name);

} // namespace odysseus::hardware
