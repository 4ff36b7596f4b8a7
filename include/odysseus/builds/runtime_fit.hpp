// Will a build run here? What the driver, the GPUs and the C library must bring for an archive, by
// its name alone. Ground truth is what --list-devices says after installing; this only spares
// downloads that cannot work.
//
// CUDA (facts of ggml-cuda's CMakeLists and of NVIDIA's compatibility rules):
//   - a driver runs every CUDA release up to its own, and any older major;
//   - within its major it also runs a newer minor, but only machine code, not PTX. The builds carry
//     machine code for 8.6 and 8.9, for 12.0 from CUDA 12.8 and for 12.1 from 12.9; all other
//     capabilities go through PTX;
//   - CUDA 13 dropped everything below 7.5; the 11 and 12 builds begin at 5.0;
//   - ai-dock's builds are PTX only, from 7.5.
// ROCm: the archive brings no runtime; the installed one must be of the same major.
// SYCL (llama.cpp's docs/backend/SYCL.md and release workflow): Windows' archive brings oneAPI, and
// the driver Level Zero. Linux' brings nothing, and must find the oneAPI it was made with; its name
// does not tell which: 2025.3 since they exist, whose libsycl is number 8.
// glibc: 2.34 for x64 (built on Ubuntu 22.04), 2.38 for arm64, ROCm and SYCL (built on 24.04).
#pragma once

#include "odysseus/builds/asset_name.hpp"
#include "odysseus/hardware/machine.hpp"

#include <optional>
#include <string>
#include <vector>

namespace odysseus::builds {

enum class Fits { no, perhaps, yes }; // perhaps: something that decides is not known

struct Fit {
    Fits fits = Fits::no;
    int gpus = 0;    // how many of the machine's GPUs it serves
    std::string why; // one clause: why it fits, or what is missing and the remedy
};

[[nodiscard]] Fit cuda_fit(const hardware::Machine& machine, const AssetName& build);
[[nodiscard]] Fit rocm_fit(const hardware::Machine& machine, const AssetName& build);
[[nodiscard]] Fit sycl_fit(const hardware::Machine& machine, const AssetName& build);

// Which of the machine's NVIDIA GPUs (counted among these alone, from 0) a CUDA build has no code
// for; empty: all are served, or nothing is known.
[[nodiscard]] std::vector<std::size_t> unserved_gpus(const hardware::Machine& machine,
                                                     const AssetName& build);

// Absent: the C library is no obstacle (or is not known). Else why it is one.
[[nodiscard]] std::optional<std::string> libc_obstacle(const hardware::Machine& machine,
                                                       const AssetName& build);

// The CUDA version that a driver of this number supports ("580.65.06" is 13.0); absent below 11.4
// and where the number is unreadable.
[[nodiscard]] std::optional<DottedVersion> cuda_of_driver(std::string_view driver);

} // namespace odysseus::builds
