// What a launch hands to the supervisor, and what it does when models or contexts change.
#pragma once

#include "odysseus/commands/launch_steps.hpp"
#include "odysseus/commands/server_choice.hpp"
#include "odysseus/memory/context_record.hpp"
#include "odysseus/models/models_folder.hpp"
#include "odysseus/server/preset_file.hpp"
#include "odysseus/server/supervisor.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::commands {

// The record of what runs, for the start after a power cut.
[[nodiscard]] std::filesystem::path llama_record(const settings::Home& home);

[[nodiscard]] server::StartSpec start_spec(const settings::Settings& settings,
                                           const settings::Home& home, const Plan& plan,
                                           const Server& server,
                                           const std::vector<std::string>& llama_args);

// A context for each model by itself, where that was asked for. `record` must live as long as the
// answer.
[[nodiscard]] std::optional<server::PresetFile::ContextOf>
own_contexts(const settings::Settings& settings, const hardware::Machine& machine,
             const memory::ContextRecord& record, const std::vector<std::string>& llama_args);

[[nodiscard]] std::optional<models::Model> model_with(const std::vector<models::Model>& models,
                                                      const std::string& id);

// What held and what did not is told to `record`, and with a context for each model to `preset`.
// All must live as long as the supervisor.
void remember_contexts(server::StartSpec& spec, memory::ContextRecord& record,
                       server::PresetFile& preset, const models::Models& models,
                       const settings::Settings& settings);

// What is loaded now, and never ran out of memory in this launch, held: that counts for climbing
// back.
void note_what_held(memory::ContextRecord& record, const std::vector<models::Model>& models,
                    const server::Serving& serving);

// Writes what llama-server must be told of these models and has it look again. Throws what writing
// throws, after that.
void offer_models(server::PresetFile& preset, const models::Catalog& catalog,
                  const server::Serving& serving);

} // namespace odysseus::commands
