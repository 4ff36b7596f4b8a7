// How llama-server is started: its arguments, documented and in the documented order, and its
// environment.
#pragma once

#include "odysseus/hardware/machine.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::server {

struct LaunchPlan {
    int port = 10086;
    std::string models_dir;
    int models_max = 1;
    int parallel = 1;
    std::int64_t context = 0; // tokens
    int threads = 4;
    Backend backend = Backend::cpu;
    // Every model has its own context, from the preset file; what stands in argv would win over it.
    bool per_model_context = false;
    std::optional<std::string> preset_file;
    std::vector<std::string> user_arguments; // what followed "--", last
};

// -ngl: every layer (no model has 99), or none.
[[nodiscard]] int gpu_layers(Backend backend);

// Without the program's own name.
[[nodiscard]] std::vector<std::string> launch_arguments(const LaunchPlan& plan);

struct LaunchEnvironment {
    hardware::Os os = hardware::Os::linux;
    std::string cache_dir; // instead of the user's Hugging Face cache, which the router would list
    std::vector<std::string> library_folders; // put first on the loader's path
    std::string api_key;                      // empty: none
};

// `ours` are "NAME=value" entries; the answer is what llama-server gets. Dropped is what would
// change its address, its models or its log behind our back (LLAMA_ARG_PORT...), and secrets that
// it has no use for. Kept is the rest: CUDA_VISIBLE_DEVICES, GGML_*, HSA_*, VK_*, and LLAMA_ARG_*
// that tune.
[[nodiscard]] std::vector<std::string> launch_environment(const std::vector<std::string>& ours,
                                                          const LaunchEnvironment& wanted);

} // namespace odysseus::server
