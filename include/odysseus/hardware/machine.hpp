// What a machine is: values only. What is not known is absent, never 0.
// JSON: the `hardware` object of `odysseus plan --json` and of --hardware FILE (docs/hardware.md).
#pragma once

#include "odysseus/base/backend.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::hardware {

enum class Os { linux, macos, windows };
enum class Arch { x64, arm64 };
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
    std::optional<std::string> os_version;   // macOS: "15.5"
    std::optional<std::string> distribution; // Linux: ID of os-release, "nixos"
    std::optional<std::string> cpu_model;
    std::optional<std::int64_t> cpu_cores;
    std::optional<std::int64_t> ram_mib; // what may be used: a container's limit counts
    std::optional<std::int64_t> available_ram_mib;
    std::vector<Gpu> gpus;
    std::optional<std::string> glibc; // "2.36"; "none": another C library (musl); Linux only
    std::optional<bool> vulkan;       // a Vulkan loader was found
    std::optional<std::string> rocm;  // version of the installed ROCm runtime: "7.2"
    // What Intel's SYCL builds need. Linux: the major number of libsycl ("8" is oneAPI 2025), when
    // Level Zero is there too; Windows: "driver", since the archive brings oneAPI itself. "none":
    // looked for and not found.
    std::optional<std::string> sycl;
    std::vector<std::string> notes; // what a person should know about the probe
    // Those of the notes that are told at every start: a GPU is here that cannot be used. Not part
    // of the JSON.
    std::vector<std::string> warnings = {};
};

// The names that users and JSON see: "linux", "macos", "win"; "x64", "arm64"; "nvidia" ...
[[nodiscard]] std::string_view os_name(Os os);
[[nodiscard]] std::string_view arch_name(Arch arch);
[[nodiscard]] std::string_view vendor_name(Vendor vendor);
[[nodiscard]] std::optional<Os> os_from(std::string_view name);
[[nodiscard]] std::optional<Arch> arch_from(std::string_view name);
[[nodiscard]] std::optional<Vendor> vendor_from(std::string_view name);

// Whose GPUs a backend uses, where only the backend is known.
[[nodiscard]] Vendor vendor_of(Backend backend);

// How a person reads it: "Windows", "macOS", "Linux".
[[nodiscard]] std::string_view os_title(Os os);

// The backend that the specification calls detected: an NVIDIA GPU is CUDA (not on macOS), Apple
// silicon is Metal, an AMD GPU with a ROCm runtime is ROCm, a Vulkan loader is Vulkan; without one
// an Intel GPU with a SYCL runtime is SYCL; else the CPU. Where nobody looked for a loader, an AMD
// or Intel GPU counts as one: their drivers bring it.
[[nodiscard]] Backend detect_backend(const Machine& machine);

// libsycl's major number in the oneAPI releases that the public Linux builds are made with (2025).
inline constexpr int k_sycl_library_major = 8;

// Is there an Intel GPU with a runtime on which today's SYCL builds run, or one newer?
[[nodiscard]] bool has_sycl(const Machine& machine);

} // namespace odysseus::hardware
