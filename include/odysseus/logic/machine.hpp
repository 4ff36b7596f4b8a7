// What a machine is: values only. What is not known is absent, never 0.
// JSON: the `hardware` object of `odysseus plan --json` and of --hardware FILE (docs/hardware.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace odysseus {

enum class Os { linux, macos, windows };
enum class Arch { x64, arm64 };
enum class Backend { cuda, rocm, vulkan, metal, cpu };
enum class Vendor { nvidia, amd, intel, apple, other };

struct Gpu {
    Vendor vendor = Vendor::other;
    std::string name;
    std::optional<std::int64_t> total_mib;
    std::optional<std::int64_t> free_mib;
    std::optional<std::string> driver; // "580.65.06"
    std::optional<std::string> cuda;   // highest CUDA version the driver supports: "13.0"
    std::optional<std::string> compute_capability; // "8.9"
    std::optional<std::string> gfx;                // AMD: "gfx1100"
    std::optional<bool> unified_memory;            // shares the machine's RAM (Apple, GB10, an APU)
};

struct Machine {
    Os os = Os::linux;
    Arch arch = Arch::x64;
    Backend backend = Backend::cpu;
    std::optional<std::string> cpu_model;
    std::optional<std::int64_t> cpu_cores;
    std::optional<std::int64_t> ram_mib; // what may be used: a container's limit counts
    std::optional<std::int64_t> available_ram_mib;
    std::vector<Gpu> gpus;
    std::optional<std::string> glibc; // "2.36"; Linux only
    std::optional<bool> vulkan;       // a Vulkan loader was found
    std::optional<std::string> rocm;  // version of the installed ROCm runtime: "7.2"
    std::vector<std::string> notes;   // what a person should know about the probe
};

} // namespace odysseus
