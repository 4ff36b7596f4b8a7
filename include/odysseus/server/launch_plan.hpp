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
    bool worker = false;      // layers may go to another machine, whatever is here
    bool without_gpu = false; // for a model that runs on the CPU alone
    std::string cache_type;   // of keys and values; empty: llama-server's own, f16
    std::optional<std::string> preset_file;
    bool unified_program = false; // the program is `llama`, whose first argument says what it is
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
    std::string visible_devices; // CUDA_VISIBLE_DEVICES, unless the user says; empty: every GPU
    std::string config_dir;      // an empty folder, in place of the user's with llama.cpp's config
    bool system_config = false;  // llama.cpp's system-wide config.ini is there, and will be read
    std::optional<std::int64_t>
        prompt_cache_mib; // unless the user says; absent: llama-server's own
};

// `ours` are "NAME=value" entries; the answer is what llama-server gets. Dropped is what would
// change its address, its models or its log behind our back (LLAMA_ARG_PORT...), and secrets that
// it has no use for. Kept is the rest: CUDA_VISIBLE_DEVICES, GGML_*, HSA_*, VK_*, and LLAMA_ARG_*
// that tune.
// Where llama-server reads a config.ini, nothing in it parts the two (system_config: a random
// api_key is needed for that).
[[nodiscard]] std::vector<std::string> launch_environment(const std::vector<std::string>& ours,
                                                          const LaunchEnvironment& wanted);

// The names of llama-server's own settings that are among `ours` and are dropped: the user is told.
[[nodiscard]] std::vector<std::string> withheld_settings(const std::vector<std::string>& ours,
                                                         hardware::Os os);

} // namespace odysseus::server
