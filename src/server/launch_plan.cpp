#include "odysseus/server/launch_plan.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/builds/library_path.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace odysseus::server {
namespace {

constexpr std::array<std::string_view, 26> k_dropped = {
    "LLAMA_ARG_PORT",
    "LLAMA_ARG_HOST",
    "LLAMA_ARG_REUSE_PORT",
    "LLAMA_ARG_API_PREFIX",
    "LLAMA_ARG_API_KEY_FILE",
    "LLAMA_API_KEY",
    "LLAMA_ARG_MODEL",
    "LLAMA_ARG_MODEL_URL",
    "LLAMA_ARG_ALIAS",
    "LLAMA_ARG_MODELS_DIR",
    "LLAMA_ARG_MODELS_MAX",
    "LLAMA_ARG_MODELS_PRESET",
    "LLAMA_ARG_MODELS_AUTOLOAD",
    "LLAMA_ARG_MMPROJ",
    "LLAMA_ARG_MMPROJ_URL",
    "LLAMA_ARG_CTX_SIZE",
    "LLAMA_ARG_N_GPU_LAYERS",
    "LLAMA_ARG_N_PARALLEL",
    "LLAMA_ARG_KV_UNIFIED",
    "LLAMA_ARG_KV_UNIFIED_PER_SLOT",
    "LLAMA_ARG_THREADS",
    "LLAMA_CACHE",
    "LLAMA_OFFLINE",
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "GITHUB_TOKEN",
};
// Every name that begins so. AIP_: Vertex AI's mode, which changes the addresses of the API.
constexpr std::array<std::string_view, 7> k_dropped_beginnings = {
    "LLAMA_ARG_SSL_", "LLAMA_ARG_HF_", "LLAMA_ARG_DOCKER_", "LLAMA_ARG_LOG_", "LLAMA_LOG_",
    "LLAMA_SERVER_",  "AIP_",
};

std::string name_of(std::string_view entry, hardware::Os os) {
    const auto name = entry.substr(0, entry.find('='));
    if (os != hardware::Os::windows) return std::string(name);
    std::string upper(name); // names have no case there
    for (char& c : upper) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return upper;
}

bool is_dropped(const std::string& name) {
    if (name == "GH_TOKEN" || name == "ODYSSEUS_API_KEY" || name == "LLAMA_ARG_OFFLINE")
        return true;
    if (std::find(k_dropped.begin(), k_dropped.end(), name) != k_dropped.end()) return true;
    return std::any_of(k_dropped_beginnings.begin(), k_dropped_beginnings.end(),
                       [&](std::string_view beginning) {
                           return std::string_view(name).substr(0, beginning.size()) == beginning;
                       });
}

} // namespace

int gpu_layers(Backend backend) {
    return backend == Backend::cpu ? 0 : 99;
}

std::vector<std::string> launch_arguments(const LaunchPlan& plan) {
    std::vector<std::string> arguments = {"--port",       std::to_string(plan.port),
                                          "--models-dir", plan.models_dir,
                                          "--models-max", std::to_string(plan.models_max),
                                          "--parallel",   std::to_string(plan.parallel)};
    const auto add = [&](std::initializer_list<std::string> more) {
        arguments.insert(arguments.end(), more);
    };
    if (!plan.per_model_context) add({"--ctx-size", std::to_string(plan.context)});
    add({"--threads", std::to_string(plan.threads)});
    if (!plan.per_model_context) add({"-ngl", std::to_string(gpu_layers(plan.backend))});
    add({"--host", "127.0.0.1"});
    // The context was divided by the slots already, in the estimate; without this llama-server
    // would divide again.
    if (plan.parallel > 1) add({"--kv-unified"});
    if (plan.preset_file) add({"--models-preset", *plan.preset_file});
    arguments.insert(arguments.end(), plan.user_arguments.begin(), plan.user_arguments.end());
    return arguments;
}

std::vector<std::string> launch_environment(const std::vector<std::string>& ours,
                                            const LaunchEnvironment& wanted) {
    std::vector<std::string> kept;
    std::string present;
    std::vector<std::string> choices; // the user's, in place of what odysseus would choose
    for (const auto& entry : ours) {
        const auto name = name_of(entry, wanted.os);
        if (is_dropped(name)) continue;
        choices.push_back(name);
        if (!wanted.library_folders.empty() && name == builds::library_path_name(wanted.os)) {
            present = entry.substr(name.size() + 1);
            continue;
        }
        kept.push_back(entry);
    }
    if (!wanted.library_folders.empty()) {
        const auto [name, value] = builds::library_path(wanted.os, wanted.library_folders, present);
        kept.push_back(concat(name, "=", value));
    }
    // By environment and not in argv: a build that does not know one passes over it.
    kept.emplace_back("LLAMA_ARG_OFFLINE=1");
    kept.emplace_back("LLAMA_ARG_LOG_COLORS=off");
    kept.emplace_back("LLAMA_ARG_LOG_PREFIX=1");
    kept.emplace_back("LLAMA_ARG_LOG_TIMESTAMPS=1");
    kept.push_back("LLAMA_CACHE=" + wanted.cache_dir);
    const auto unless_chosen = [&](const std::string& name, std::string_view value) {
        if (std::find(choices.begin(), choices.end(), name) == choices.end())
            kept.push_back(concat(name, "=", value));
    };
    // An abort would start gdb to print a backtrace: a third of a second before the memory is free.
    unless_chosen("GGML_NO_BACKTRACE", "1");
    // By default it lets a page from anywhere read its answers.
    unless_chosen("LLAMA_ARG_CORS_ORIGINS", "localhost");
    if (!wanted.api_key.empty()) kept.push_back("LLAMA_API_KEY=" + wanted.api_key);
    return kept;
}

} // namespace odysseus::server
