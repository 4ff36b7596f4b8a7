#include "odysseus/commands/launch_steps.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/builds/server_text.hpp"
#include "odysseus/hardware/machine_json.hpp"
#include "odysseus/hardware/probe.hpp"
#include "odysseus/models/model_file.hpp"
#include "odysseus/models/toy_model.hpp"
#include "odysseus/server/user_arguments.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/terminal.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

namespace odysseus::commands {
namespace {

constexpr const char* k_toy_file = "odysseus-toy.gguf";
constexpr std::uintmax_t k_hardware_bytes_max = std::uintmax_t{1024} * 1024;

hardware::Machine machine_from_file(const settings::Settings& settings) {
    const auto file = system::path_from_utf8(settings.hardware);
    const auto refuse = [&](const std::string& why) {
        throw Error(Fault::usage, concat(settings.hardware_from, ": ", settings.hardware, why));
    };
    std::error_code error;
    const auto size = std::filesystem::file_size(file, error);
    if (error) refuse(concat(" cannot be read: ", error.message()));
    if (size > k_hardware_bytes_max) refuse(" is larger than 1 MiB, so it describes no machine");
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    if (!in && size > 0) refuse(" cannot be read; check its permissions");
    auto machine = hardware::machine_from_json(text.str());
    if (const auto* why = std::get_if<std::string>(&machine)) {
        refuse(concat(": ", *why));
    }
    return std::get<hardware::Machine>(std::move(machine));
}

// The default is never more than the cores there are; what was asked for is.
int threads_for(const settings::Settings& settings, const hardware::Machine& machine) {
    constexpr std::int64_t k_most = 1024;
    const auto cores = std::clamp<std::int64_t>(
        machine.cpu_cores.value_or(std::thread::hardware_concurrency()), 1, k_most);
    if (!settings.threads) return static_cast<int>(cores);
    const bool capped = !settings.threads_asked_for && machine.cpu_cores.has_value();
    return capped ? std::min(*settings.threads, static_cast<int>(cores)) : *settings.threads;
}

} // namespace

void open_log(const settings::Settings& settings, bool with_file) {
    const auto file = settings::home_of(settings).logs() / "odysseus.log";
    const bool can = with_file && std::ofstream(file, std::ios::app).is_open();
    log::set_up(*log::level_from(settings.log_level), *log::format_from(settings.log_format),
                can ? std::optional(file) : std::nullopt, system::stderr_is_terminal());
}

void make_folders(const settings::ResolvedSettings& resolved,
                  std::initializer_list<std::filesystem::path> folders) {
    const auto& home = resolved.raw.at("home");
    const auto said = home.origin == settings::Origin::fallback
                          ? "the folder that holds the program"
                          : home.where;
    for (const auto& folder : folders) {
        std::error_code error;
        std::filesystem::create_directories(folder, error);
        if (!error) continue;
        const auto& models = resolved.raw.at("models_dir");
        const bool is_models = system::utf8(folder) == resolved.values.models_dir &&
                               models.origin != settings::Origin::fallback;
        throw Error(Fault::usage,
                    is_models ? concat("the models folder ", system::utf8(folder), " (",
                                       models.where, ") cannot be made: ", error.message(),
                                       "; name another one with --models-dir DIR")
                              : concat("cannot write to ", resolved.values.home, " (", said,
                                       "), where odysseus keeps its files: ", error.message(),
                                       "; choose a folder of your own with --home DIR or "
                                       "ODYSSEUS_HOME=DIR"));
    }
}

void refuse_missing_models_folder(const settings::ResolvedSettings& resolved) {
    const auto& models = resolved.raw.at("models_dir");
    if (models.origin == settings::Origin::fallback) return;
    for (const auto& folder : resolved.values.models_dirs()) {
        std::error_code error;
        if (std::filesystem::is_directory(system::path_from_utf8(folder), error)) continue;
        throw Error(Fault::usage, concat("there is no models folder ", folder, " (", models.where,
                                         "); make it, or name another one with --models-dir DIR"));
    }
}

models::ModelScan model_scan(const settings::Settings& settings) {
    models::ModelScan scan(system::path_from_utf8(settings.models_dir),
                           settings::home_of(settings).pulled());
    std::vector<std::filesystem::path> more;
    for (const auto& folder : settings.more_models_dirs)
        more.push_back(system::path_from_utf8(folder));
    scan.also(std::move(more)).with_drafts(settings.draft);
    return scan;
}

hardware::Machine machine_for(const settings::Settings& settings) {
    auto machine =
        settings.hardware.empty() ? hardware::probe_machine() : machine_from_file(settings);
    if (settings.device) machine.backend = *settings.device;
    return machine;
}

models::NameRules name_rules(const settings::Settings& settings) {
    models::NameRules rules;
    for (const auto& text : settings.aliases) {
        if (auto alias = models::alias_from(text)) rules.aliases.push_back(std::move(*alias));
    }
    if (!settings.default_model.empty()) rules.default_model = settings.default_model;
    rules.any_name = settings.any_name;
    return rules;
}

models::Model toy_model(const settings::Home& home) {
    const auto bytes = models::toy_model_gguf();
    const models::ScannedFile file{{k_toy_file, static_cast<std::int64_t>(bytes.size())},
                                   models::read_gguf(bytes)};
    auto model = models::make_catalog({file}, system::utf8(home.data())).models.front();
    model.listed_by_router = false; // it does not lie in the models folder
    return model;
}

std::filesystem::path toy_file(const settings::Home& home) {
    return home.data() / k_toy_file;
}

void write_toy_model(const settings::Home& home) {
    const auto bytes = models::toy_model_gguf();
    std::error_code error;
    if (std::filesystem::file_size(toy_file(home), error) == bytes.size() && !error) return;
    system::write_file_atomically(toy_file(home), bytes);
}

namespace {

// Its real name, as it is started.
bool is_unified_program(const std::string& named) {
    if (named.empty()) return false;
    std::error_code error;
    const auto path = std::filesystem::canonical(system::path_from_utf8(named), error);
    return builds::is_unified_program(system::utf8(path.filename()));
}

} // namespace

server::LaunchPlan launch_plan_for(const settings::Settings& settings, const settings::Home& home,
                                   const hardware::Machine& machine, const StartedWith& start,
                                   int port, const std::vector<std::string>& llama_args) {
    server::LaunchPlan plan;
    plan.port = port;
    plan.models_dir = settings.models_dir;
    plan.parallel = settings.parallel;
    plan.context = start.context;
    plan.without_gpu = start.without_gpu;
    plan.worker = !settings.worker.empty();
    plan.threads = threads_for(settings, machine);
    plan.backend = machine.backend;
    plan.models_max = settings.models_max.value_or(start.models_max);
    if (settings.kv != "f16") plan.cache_type = settings.kv;
    plan.preset_file = system::utf8(home.preset());
    plan.unified_program = is_unified_program(settings.llama_server);
    plan.user_arguments = server::arguments_for_context(llama_args, start.context);
    return plan;
}

} // namespace odysseus::commands
