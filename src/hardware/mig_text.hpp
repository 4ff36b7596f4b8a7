// A GPU that MIG splits: what nvidia-smi tells of its instances.
#pragma once

#include "nvidia_text.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::hardware {

struct MigInstance {
    std::size_t gpu = 0; // nvidia-smi's number of the GPU
    std::int64_t gpu_instance = -1;
    std::int64_t compute_instance = -1;
    std::int64_t device = -1; // its number on that GPU
    std::int64_t total_mib = 0;
    std::int64_t free_mib = 0;
    std::string uuid;     // "MIG-5c89852c-..."; empty: not told
    std::string gpu_uuid; // "GPU-..."
    std::string profile;  // "1g.24gb"
};

// The table "MIG devices" of the plain output.
[[nodiscard]] std::vector<MigInstance> mig_instances(std::string_view output);

// What `nvidia-smi -L` adds: UUIDs and profiles.
void name_mig_instances(std::string_view listing, std::vector<MigInstance>& instances);

// The instance's memory in place of the GPU's.
void use_instance(Gpu& gpu, const MigInstance& instance, NvidiaAnswer& answer);

// CUDA gives a process one instance of a split GPU, by itself the first. Adds a note for each split
// GPU.
void apply_mig(const std::vector<MigInstance>& instances, NvidiaAnswer& answer);

} // namespace odysseus::hardware
