// `odysseus plan --verify`: the installed build's own tool is asked what the largest model needs.
#pragma once

#include "odysseus/front/server.hpp"
#include "odysseus/logic/fit_report.hpp"
#include "odysseus/logic/plan.hpp"

#include <optional>
#include <string>
#include <vector>

namespace odysseus::front {

// Runs llama-fit-params beside llama-server; it reads the model's metadata only. Never throws for
// what the tool does.
[[nodiscard]] FitComparison verified(const std::optional<Server>& server, const Plan& plan,
                                     const std::vector<std::string>& llama_args);

} // namespace odysseus::front
