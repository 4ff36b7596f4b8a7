// What a launch hands to the supervisor, and what it does when models or contexts change.
#pragma once

#include "odysseus/memory/context_record.hpp"
#include "launch_steps.hpp"
#include "server_choice.hpp"
#include "odysseus/server/preset_file.hpp"
#include "odysseus/server/supervisor.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::front {

// The record of what runs, for the start after a power cut.
[[nodiscard]] std::filesystem::path llama_record(const Home& home);

[[nodiscard]] StartSpec start_spec(const Settings& settings, const Home& home, const Plan& plan,
                                   const Server& server,
                                   const std::vector<std::string>& llama_args);

// A context for each model by itself, where that was asked for. `record` must live as long as the
// answer.
[[nodiscard]] std::optional<PresetFile::ContextOf>
own_contexts(const Settings& settings, const Machine& machine, const ContextRecord& record,
             const std::vector<std::string>& llama_args);

[[nodiscard]] std::optional<Model> model_with(const std::vector<Model>& models,
                                              const std::string& id);

// What is loaded now, and never ran out of memory in this launch, held: that counts for climbing
// back.
void note_what_held(ContextRecord& record, const std::vector<Model>& models,
                    const Serving& serving);

// Writes what llama-server must be told of these models and has it look again. Throws what writing
// throws, after that.
void offer_models(PresetFile& preset, const Catalog& catalog, const Serving& serving);

} // namespace odysseus::front
