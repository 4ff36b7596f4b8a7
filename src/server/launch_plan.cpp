#include "odysseus/server/launch_plan.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/builds/library_path.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace odysseus::server {
namespace {

constexpr int k_all_layers = 99; // no model has more

// Secrets and addresses that llama-server has no use for.
constexpr std::array<std::string_view, 7> k_own = {
    "HF_TOKEN",    "HUGGING_FACE_HUB_TOKEN", "GITHUB_TOKEN", "GH_TOKEN", "ODYSSEUS_API_KEY",
    "LLAMA_CACHE", "LLAMA_OFFLINE"};

// llama-server's settings by environment that would part it from odysseus, open a door beside
// odysseus's, or hide its log; LLAMA_ARG_NO_X goes with LLAMA_ARG_X.
constexpr auto k_withheld = std::to_array<std::string_view>({
    "LLAMA_ARG_PORT",         "LLAMA_ARG_HOST",
    "LLAMA_ARG_REUSE_PORT",   "LLAMA_API_KEY",
    "LLAMA_APP_CMD", // "serve" in it lets every load fail
    "LLAMA_ARG_MODEL",        "LLAMA_ARG_MODEL_URL",
    "LLAMA_ARG_ALIAS",        "LLAMA_ARG_MMPROJ",
    "LLAMA_ARG_MMPROJ_URL",   "LLAMA_ARG_CTX_SIZE",
    "LLAMA_ARG_N_GPU_LAYERS", "LLAMA_ARG_N_PARALLEL",
    "LLAMA_ARG_KV_UNIFIED",   "LLAMA_ARG_KV_UNIFIED_PER_SLOT",
    "LLAMA_ARG_THREADS",      "LLAMA_ARG_OFFLINE",
    "LLAMA_ARG_AGENT", // with it, clients run commands
    "LLAMA_ARG_STATIC_PATH",
    "LLAMA_ARG_EMBEDDING", // every model answers embeddings, and dies of chats
    "LLAMA_ARG_EMBEDDINGS",   "LLAMA_ARG_RERANKING",
    "LLAMA_ARG_DRAFT_MAX", // llama-server does not start with what was removed
    "LLAMA_ARG_DRAFT_MIN",
});
// Every name that begins so. AIP_: Vertex AI's mode, which changes the addresses of the API.
constexpr auto k_withheld_beginnings = std::to_array<std::string_view>({
    "LLAMA_ARG_API_",
    "LLAMA_ARG_MODELS_",
    "LLAMA_ARG_SSL_",
    "LLAMA_ARG_HF_",
    "LLAMA_ARG_SPEC_DRAFT_HF_",
    "LLAMA_ARG_DOCKER_",
    "LLAMA_ARG_LOG_",
    "LLAMA_LOG_",
    "LLAMA_SERVER_",
    "AIP_",
    "LLAMA_ARG_TOOLS",
    "LLAMA_ARG_MCP_",
    "LLAMA_ARG_UI_MCP_",
    "LLAMA_ARG_WEBUI_MCP_",
});

std::string name_of(std::string_view entry, hardware::Os os) {
    const auto name = entry.substr(0, entry.find('='));
    if (os != hardware::Os::windows) return std::string(name);
    std::string upper(name); // names have no case there
    for (char& c : upper) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return upper;
}

template <std::size_t Size>
bool is_one_of(std::string_view name, const std::array<std::string_view, Size>& names) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_withheld(std::string_view name, std::string_view entry) {
    constexpr std::string_view k_no = "LLAMA_ARG_NO_";
    if (name == "LLAMA_ARG_NO_HOST") return false; // no negation: "bypass host buffer"
    std::string plain(name);
    if (name.starts_with(k_no)) plain = concat("LLAMA_ARG_", name.substr(k_no.size()));
    // Any page of the web could ask llama-server.
    if (entry == "LLAMA_ARG_CORS_ORIGINS=*") return true;
    return is_one_of(plain, k_withheld) ||
           std::any_of(k_withheld_beginnings.begin(), k_withheld_beginnings.end(),
                       [&](std::string_view beginning) { return plain.starts_with(beginning); });
}

bool is_printable_name(std::string_view name) {
    return std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               c == '_';
    });
}

// llama.cpp's programs read a file config.ini of the user and of the system, below the environment.
// The user's is looked for in a folder of ours, where there is none.
class ConfigFolder {
  public:
    ConfigFolder(hardware::Os os, std::string folder)
        : m_windows(os == hardware::Os::windows), m_folder(std::move(folder)) {}

    // Whether the entry is one of those that are replaced.
    bool take(const std::string& name, std::string_view value) {
        if (m_folder.empty()) return false;
        if (m_windows) return name == "APPDATA";
        if (name == "HOME") m_home = value;
        if (name == "XDG_CONFIG_HOME") m_users = value;
        if (name == "XDG_CONFIG_DIRS") m_systems = value;
        return name.starts_with("XDG_CONFIG_");
    }

    void add_to(std::vector<std::string>& kept) const {
        if (m_folder.empty()) return;
        kept.push_back(concat(m_windows ? "APPDATA=" : "XDG_CONFIG_HOME=", m_folder));
        if (m_windows) return;
        // What else lies there is still found: Vulkan's drivers and layers, say.
        std::string users = m_users;
        if (users.empty() && !m_home.empty()) users = concat(m_home, "/.config");
        kept.push_back(concat("XDG_CONFIG_DIRS=", users, users.empty() ? "" : ":",
                              m_systems.empty() ? "/etc/xdg" : m_systems));
    }

  private:
    bool m_windows;
    std::string m_folder;
    std::string m_home;
    std::string m_users;
    std::string m_systems;
};

// The system's config.ini cannot be moved out of the way; each of these wins over it (b11669).
constexpr auto k_against_system_config = std::to_array<std::string_view>({
    "LLAMA_ARG_MODEL=",
    "LLAMA_ARG_MODEL_URL=",
    "LLAMA_ARG_HF_REPO=",
    "LLAMA_ARG_HF_FILE=",
    "LLAMA_ARG_DOCKER_REPO=",
    "LLAMA_ARG_MMPROJ=",
    "LLAMA_ARG_MMPROJ_URL=",
    "LLAMA_ARG_MODELS_PRESET=", // ours, in argv, wins over this
    "LLAMA_ARG_MODELS_AUTOLOAD=1",
    "LLAMA_ARG_API_PREFIX=",
    "LLAMA_ARG_SSL_KEY_FILE=",
    "LLAMA_ARG_SSL_CERT_FILE=",
    "LLAMA_ARG_STATIC_PATH=",
    "LLAMA_ARG_AGENT=0", // "tools" as well
    "LLAMA_ARG_UI_MCP_PROXY=0",
    "LLAMA_ARG_MCP_SERVERS_CONFIG=",
    "LLAMA_ARG_MCP_SERVERS_JSON=",
    "LLAMA_ARG_LOG_FILE=",
    "LLAMA_ARG_SPEC_DRAFT_HF_REPO=",
});

} // namespace

int gpu_layers(Backend backend) {
    return backend == Backend::cpu ? 0 : k_all_layers;
}

std::vector<std::string> launch_arguments(const LaunchPlan& plan) {
    std::vector<std::string> arguments;
    const auto add = [&](std::initializer_list<std::string> more) {
        arguments.insert(arguments.end(), more);
    };
    if (plan.unified_program) add({"serve"});
    const auto backend = plan.without_gpu ? Backend::cpu : plan.backend;
    const int layers = plan.worker && !plan.without_gpu ? k_all_layers : gpu_layers(backend);
    add({"--port", std::to_string(plan.port), "--models-dir", plan.models_dir, "--models-max",
         std::to_string(plan.models_max), "--parallel", std::to_string(plan.parallel), "--ctx-size",
         std::to_string(plan.context), "--threads", std::to_string(plan.threads), "-ngl",
         std::to_string(layers), "--host", "127.0.0.1"});
    // The context was divided by the slots already, in the estimate; without this llama-server
    // would divide again.
    if (plan.parallel > 1) add({"--kv-unified"});
    if (!plan.cache_type.empty())
        add({"--cache-type-k", plan.cache_type, "--cache-type-v", plan.cache_type});
    if (plan.preset_file) add({"--models-preset", *plan.preset_file});
    arguments.insert(arguments.end(), plan.user_arguments.begin(), plan.user_arguments.end());
    return arguments;
}

std::vector<std::string> withheld_settings(const std::vector<std::string>& ours, hardware::Os os) {
    std::vector<std::string> names;
    for (const auto& entry : ours) {
        const auto name = name_of(entry, os);
        if (name.starts_with("LLAMA_A") && is_withheld(name, entry) && is_printable_name(name))
            names.push_back(name);
    }
    return names;
}

std::vector<std::string> launch_environment(const std::vector<std::string>& ours,
                                            const LaunchEnvironment& wanted) {
    std::vector<std::string> kept;
    std::string present;
    ConfigFolder config(wanted.os, wanted.config_dir);
    std::vector<std::string> choices; // the user's, in place of what odysseus would choose
    for (const auto& entry : ours) {
        const auto name = name_of(entry, wanted.os);
        if (is_one_of(name, k_own) || is_withheld(name, entry)) continue;
        choices.push_back(name);
        const auto value = std::string_view(entry).substr(std::min(name.size() + 1, entry.size()));
        if (config.take(name, value)) continue;
        if (!wanted.library_folders.empty() && name == builds::library_path_name(wanted.os)) {
            present = value;
            continue;
        }
        kept.push_back(entry);
    }
    config.add_to(kept);
    if (!wanted.library_folders.empty()) {
        const auto [name, value] = builds::library_path(wanted.os, wanted.library_folders, present);
        kept.push_back(concat(name, "=", value));
    }
    // By environment and not in argv: a build that does not know one passes over it.
    kept.emplace_back("LLAMA_ARG_OFFLINE=1");
    kept.emplace_back("LLAMA_ARG_LOG_COLORS=off");
    kept.emplace_back("LLAMA_ARG_LOG_JSONL=0");
    kept.emplace_back("LLAMA_ARG_LOG_VERBOSITY=3");
    kept.emplace_back("LLAMA_ARG_LOG_PREFIX=1");
    kept.emplace_back("LLAMA_ARG_LOG_TIMESTAMPS=1");
    kept.push_back("LLAMA_CACHE=" + wanted.cache_dir);
    const auto unless_chosen = [&](const std::string& name, std::string_view value) {
        if (std::find(choices.begin(), choices.end(), name) == choices.end())
            kept.push_back(concat(name, "=", value));
    };
    // An abort would start gdb to print a backtrace: a third of a second before the memory is free.
    unless_chosen("GGML_NO_BACKTRACE", "1");
    // nvidia-smi, by which the memory was counted, has the order of the PCI bus; CUDA's own is
    // another one where the cards differ.
    unless_chosen("CUDA_DEVICE_ORDER", "PCI_BUS_ID");
    if (!wanted.visible_devices.empty())
        unless_chosen("CUDA_VISIBLE_DEVICES", wanted.visible_devices);
    // By default it lets a page from anywhere read its answers.
    unless_chosen("LLAMA_ARG_CORS_ORIGINS", "localhost");
    if (wanted.system_config) {
        kept.insert(kept.end(), k_against_system_config.begin(), k_against_system_config.end());
        unless_chosen("LLAMA_ARG_SPEC_DRAFT_MODEL", "");
    }
    if (wanted.prompt_cache_mib)
        unless_chosen("LLAMA_ARG_CACHE_RAM", std::to_string(*wanted.prompt_cache_mib));
    if (!wanted.api_key.empty()) kept.push_back("LLAMA_API_KEY=" + wanted.api_key);
    return kept;
}

} // namespace odysseus::server
