#include "odysseus/commands/supervisor_spec.hpp"

#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/builds/build_check.hpp"
#include "odysseus/builds/system_trouble.hpp"
#include "odysseus/memory/device_memory.hpp"
#include "odysseus/proxy/models_answer.hpp"
#include "odysseus/server/argument_rules.hpp"
#include "odysseus/server/llama_client.hpp"
#include "odysseus/server/user_arguments.hpp"
#include "odysseus/system/environment.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/paths.hpp"
#include "odysseus/system/random_hex.hpp"
#include "odysseus/system/terminal.hpp"

#include "llama_config.hpp"

#include <algorithm>
#include <chrono>
#include <exception>

namespace odysseus::commands {
namespace {

using namespace std::chrono_literals;

constexpr auto k_reload_limit = 10s;
constexpr auto k_memory_limit = 5s;
constexpr auto k_list_limit = 2s;
constexpr std::size_t k_key_digits = 64;

std::vector<std::string> library_folders(const Server& server) {
    std::vector<std::string> names(server.library_folders.size());
    std::transform(server.library_folders.begin(), server.library_folders.end(), names.begin(),
                   system::utf8);
    return names;
}

void say_what_is_withheld(const std::vector<std::string>& environment, hardware::Os os) {
    const auto names = server::withheld_settings(environment, os);
    if (names.empty()) return;
    system::say("note", concat("llama-server does not get ", joined(names, ", "),
                               " of the environment: odysseus decides that; other arguments of "
                               "llama-server can be given behind --"));
}

void say_what_holds(const LlamaConfig& config) {
    if (config.holding.empty()) return;
    system::say("note", concat(config.path, " is llama-server's too, and odysseus cannot override ",
                               joined(config.holding, ", "), " in it"));
}

// As llama-server itself would find it. What is not told may be free.
bool has_free_memory(const std::filesystem::path& executable,
                     const std::vector<std::filesystem::path>& folders, Backend backend) {
    const auto check = builds::check_build(executable, folders, k_memory_limit);
    if (!check.devices) return true;
    bool found = false;
    for (const auto& device : *check.devices) {
        if (device.backend != backend) continue;
        if (!device.free_mib || *device.free_mib > 0) return true;
        found = true;
    }
    return !found;
}

std::string start_advice(const std::optional<LlamaConfig>& config,
                         const std::vector<std::string>& llama_args,
                         const std::string& distribution, const std::string& folder,
                         const std::vector<std::string>& lines) {
    auto advice = server::removed_argument(llama_args, lines);
    const builds::TroubleContext context{distribution, folder, false};
    if (auto known = builds::system_trouble(joined(lines, "\n"), context)) {
        auto& what = known->what; // a clause becomes a sentence
        if (what.front() >= 'a' && what.front() <= 'z')
            what.front() = static_cast<char>(what.front() - 'a' + 'A');
        advice += concat(advice.empty() ? "" : "\n", what, ". ", known->remedy);
    }
    if (config) {
        advice += concat(advice.empty() ? "" : "\n", "llama-server also reads ", config->path,
                         "; try it without that file");
    }
    return advice;
}

} // namespace

std::filesystem::path llama_record(const settings::Home& home) {
    return home.data() / "llama-server.json";
}

server::StartSpec start_spec(const settings::Settings& settings, const settings::Home& home,
                             const Plan& plan, const Server& server,
                             const std::vector<std::string>& llama_args) {
    server::StartSpec spec;
    spec.executable = server.executable;
    spec.guard = system::own_executable();
    spec.log_file = home.logs() / "llama-server.log";
    spec.record = llama_record(home);
    spec.needs = {server.executable, system::path_from_utf8(settings.models_dir), home.preset()};
    if (const auto foreign = server::user_arguments(llama_args).foreign_rpc; !foreign.empty())
        system::say("note", concat("--rpc ", foreign,
                                   " is spoken to in the clear, and answers anybody; odysseus "
                                   "worker there and --worker here are encrypted, and survive its "
                                   "loss"));
    const auto config = system_llama_config(plan.hardware.os);
    if (config) say_what_holds(*config);
    // A key that only the system's config.ini names would keep odysseus out as well.
    spec.api_key = settings.api_keys.empty() && !config ? "" : system::random_hex(k_key_digits);
    server::LaunchEnvironment wanted;
    wanted.os = plan.hardware.os;
    wanted.cache_dir = system::utf8(home.data() / "cache");
    wanted.library_folders = library_folders(server);
    wanted.api_key = spec.api_key;
    wanted.config_dir = system::utf8(home.data() / "no-config");
    wanted.system_config = config.has_value();
    wanted.visible_devices = settings.hardware.empty() ? server.visible_devices : "";
    wanted.prompt_cache_mib = plan.prompt_cache_mib;
    const auto environment = system::own_environment();
    say_what_is_withheld(environment, wanted.os);
    spec.environment = server::launch_environment(environment, wanted);
    spec.start_advice = [=, distribution = plan.hardware.distribution.value_or(""),
                         folder = system::utf8(server.executable.parent_path())](
                            const std::vector<std::string>& lines) {
        return start_advice(config, llama_args, distribution, folder, lines);
    };
    spec.arguments = [=, machine = plan.hardware, models_max = plan.models_max](
                         std::int64_t context, bool without_gpu, int port) {
        return server::launch_arguments(launch_plan_for(
            settings, home, machine, {context, without_gpu, models_max}, port, llama_args));
    };
    spec.port = settings.llama_port;
    spec.port_asked_for = settings.llama_port_asked_for;
    spec.context = plan.context.tokens;
    spec.uses_gpu = plan.hardware.backend != Backend::cpu;
    if (spec.uses_gpu) {
        spec.has_free_memory = [executable = server.executable, folders = server.library_folders,
                                backend = plan.hardware.backend] {
            return has_free_memory(executable, folders, backend);
        };
    }
    spec.without_gpu = plan.without_gpu;
    spec.memory_ceiling = [machine = plan.hardware](const std::string& device) {
        return memory::device_memory(machine, device).total_bytes;
    };
    spec.notice = [](const std::string& sentence) { system::say("note", sentence); };
    return spec;
}

void note_what_held(ModelFits& fits, const server::Serving& serving) {
    if (serving.state != server::State::ready || serving.oom_steps > 0) return;
    const auto answer = server::llama_get({serving.port, serving.api_key}, "/models", k_list_limit);
    if (answer.status != 200) return;
    for (const auto& id : proxy::loaded_ids(answer.body)) {
        if (const auto setup = fits.of(id)) fits.held(id, *setup, std::nullopt);
    }
}

namespace {

void tell_router_to_look_again(const server::Serving& serving) {
    if (serving.state != server::State::ready) return; // it reads everything when it starts
    const auto answer =
        server::llama_get({serving.port, serving.api_key}, "/models?reload=1", k_reload_limit);
    if (answer.status != 200) log::warn("llama-server did not read the models folder again");
}

} // namespace

void offer_models(ModelFits& fits, const models::Catalog& catalog, const server::Serving& serving) {
    std::exception_ptr trouble;
    try {
        fits.offer(catalog);
    } catch (...) { // what llama-server finds without the file it shall find all the same
        trouble = std::current_exception();
    }
    tell_router_to_look_again(serving);
    if (trouble) std::rethrow_exception(trouble);
}

} // namespace odysseus::commands
