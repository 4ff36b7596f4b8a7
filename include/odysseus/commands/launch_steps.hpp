// The steps of a launch that several commands share, in their order. Each is a value made from the
// ones before.
#pragma once

#include "odysseus/commands/plan_report.hpp"
#include "odysseus/models/model_catalog.hpp"
#include "odysseus/models/model_scan.hpp"
#include "odysseus/models/name_rules.hpp"
#include "odysseus/server/launch_plan.hpp"
#include "odysseus/settings/home.hpp"
#include "odysseus/settings/settings_source.hpp"

#include <filesystem>
#include <initializer_list>
#include <string>
#include <vector>

namespace odysseus::commands {

// The log of a command that does not serve; the file is in HOME/logs, where that can be written.
void open_log(const settings::Settings& settings, bool with_file);

// Makes the folders that a command is going to write into, before it does anything else. Throws
// Error (usage) that says where HOME or the models folder was named, and how to name another.
void make_folders(const settings::ResolvedSettings& resolved,
                  std::initializer_list<std::filesystem::path> folders);

// A models folder that somebody named and that is not there is a typing error, not a wish for a new
// one. Throws Error (usage).
void refuse_missing_models_folder(const settings::ResolvedSettings& resolved);

// Probed, or as --hardware FILE says; --device decides the backend. Throws Error (usage) for a file
// that says nothing.
[[nodiscard]] hardware::Machine machine_for(const settings::Settings& settings);

// All models folders of the settings.
[[nodiscard]] models::ModelScan model_scan(const settings::Settings& settings);

// The aliases and the default model that were asked for.
[[nodiscard]] models::NameRules name_rules(const settings::Settings& settings);

// The built-in model, as the catalog would describe it. It needs no file yet.
[[nodiscard]] models::Model toy_model(const settings::Home& home);
// Writes its file when it is not there.
void write_toy_model(const settings::Home& home);
[[nodiscard]] std::filesystem::path toy_file(const settings::Home& home);

// The context of a start, and whether it is for a model that runs on the CPU alone.
struct StartedWith {
    std::int64_t context = 0;
    bool without_gpu = false;
    int models_max = 1; // unless the user says
};

// How llama-server will be started so on this port.
[[nodiscard]] server::LaunchPlan launch_plan_for(const settings::Settings& settings,
                                                 const settings::Home& home,
                                                 const hardware::Machine& machine,
                                                 const StartedWith& start, int port,
                                                 const std::vector<std::string>& llama_args);

} // namespace odysseus::commands
