// What a launch hands to the supervisor, and what it does when models or contexts change.
#pragma once

#include "odysseus/commands/launch_steps.hpp"
#include "odysseus/commands/model_fits.hpp"
#include "odysseus/commands/server_choice.hpp"
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

// What is loaded now, and never ran out of memory in this launch, held: that counts for climbing
// back.
void note_what_held(ModelFits& fits, const server::Serving& serving);

// Writes what llama-server must be told of these models and has it look again. Throws what writing
// throws, after that.
void offer_models(ModelFits& fits, const models::Catalog& catalog, const server::Serving& serving);

} // namespace odysseus::commands
