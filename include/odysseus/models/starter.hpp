// The short list for a machine without any model, asked on a terminal.
#pragma once

#include "odysseus/models/model_room.hpp"

#include <functional>
#include <optional>
#include <string>

namespace odysseus::models {

// Asks a question and gives the line that was typed; absent at the end of input.
using Asker = std::function<std::optional<std::string>(const std::string& question)>;

// Shows the list with sizes, marks what fits, and asks. The answer is a name for plan_pull;
// nothing: it was skipped, or nobody answers. Whether a person is there (can_ask) is for the caller
// to look at first.
[[nodiscard]] std::optional<std::string> offer_starter_models(const ModelRoom& room, bool with_gpu,
                                                              const Asker& asker);

} // namespace odysseus::models
