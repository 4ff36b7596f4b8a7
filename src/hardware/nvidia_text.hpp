// What nvidia-smi prints -> values. Tested on captured text; docs/hardware.md tells the origins.
#pragma once

#include "odysseus/hardware/machine.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::hardware {

// The fields that are asked for, in this order; drivers of before 2022 do not know the last two.
inline constexpr std::string_view k_nvidia_query =
    "name,memory.total,memory.free,driver_version,compute_cap,uuid";
inline constexpr std::string_view k_nvidia_query_old =
    "name,memory.total,memory.free,driver_version";

struct NvidiaAnswer {
    std::vector<Gpu> gpus;          // in nvidia-smi's order, that of the PCI bus
    std::vector<std::string> uuids; // beside gpus; empty text: not told
    std::vector<std::string> notes; // what could not be read
};

// The rows of --query-gpu=... --format=csv,noheader,nounits. "[N/A]" memory is unknown (GB10 and
// other parts that share the machine's RAM). Beside a GPU, a line that is no row becomes a note.
[[nodiscard]] NvidiaAnswer nvidia_gpus(std::string_view csv);

// Does nvidia-smi not know one of the fields?
[[nodiscard]] bool nvidia_field_unknown(std::string_view output);

// nvidia-smi's own words about why it failed, with the remedy: "couldn't communicate with the
// NVIDIA driver", "Driver/library version mismatch", "No devices were found" ...
[[nodiscard]] std::string nvidia_failure(std::string_view output);

// "CUDA Version: 13.0" of the plain output's header; since driver 610 "CUDA UMD Version: 13.3".
[[nodiscard]] std::optional<std::string> nvidia_cuda_version(std::string_view output);

// "24564", "24564 MiB", "24564.00"; a locale's spaces and apostrophes between digits are passed
// over.
[[nodiscard]] std::optional<std::int64_t> memory_mib(std::string_view text);
// ASCII without control characters, for notes and names.
[[nodiscard]] std::string printable(std::string_view text, std::size_t length_max);
// The note about a GPU whose memory is not told.
[[nodiscard]] std::string memory_note(const Gpu& gpu);

// /proc/driver/nvidia/version and .../gpus/*/information, for when nvidia-smi does not answer.
[[nodiscard]] std::optional<std::string> nvidia_kernel_driver(std::string_view proc_version);
[[nodiscard]] std::optional<std::string> nvidia_model(std::string_view proc_information);

} // namespace odysseus::hardware
