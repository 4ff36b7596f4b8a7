// How a machine gets its first model, and what `odysseus pull` shows meanwhile.
#pragma once

#include "odysseus/models/pull.hpp"
#include "odysseus/settings/settings.hpp"

#include <functional>
#include <string>

namespace odysseus::commands {

// What pull works with on this machine: folders, hub, HF_TOKEN. `stopped` may be empty.
[[nodiscard]] models::PullOptions pull_options(const settings::Settings& settings,
                                               const hardware::Machine& machine,
                                               std::function<bool()> stopped);

// Plans, shows what was decided, fetches with a progress bar and says the names that the model
// answers to. The answer is what was fetched. Throws as plan_pull and run_pull do.
models::PullPlan pull_shown(const std::string& name, const models::PullOptions& options);

// For a launch: where there is no model, with a person at a terminal and not --offline, offers the
// short list and fetches the choice. A download that fails is one line for the person. Throws
// Stopped.
void fetch_first_model(const models::PullOptions& options);

} // namespace odysseus::commands
