// `odysseus plan --verify`: the installed build's own tool is asked what the largest model needs.
#pragma once

#include "odysseus/memory/fit_report.hpp"
#include "odysseus/commands/plan_report.hpp"
#include "odysseus/commands/server_choice.hpp"

#include <optional>
#include <string>
#include <vector>

namespace odysseus::commands {

// Runs llama-fit-params beside llama-server; it reads the model's metadata only. Never throws for
// what the tool does.
[[nodiscard]] memory::FitComparison verified(const std::optional<Server>& server, const Plan& plan,
                                             const std::vector<std::string>& llama_args);

} // namespace odysseus::commands
