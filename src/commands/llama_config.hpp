// llama.cpp's config.ini for all users of this system, where there is one: llama-server reads it
// whatever odysseus does.
#pragma once

#include "odysseus/hardware/machine.hpp"

#include <optional>
#include <string>
#include <vector>

namespace odysseus::commands {

struct LlamaConfig {
    std::string path;
    std::vector<std::string> holding; // settings in it that odysseus cannot overrule
};

[[nodiscard]] std::optional<LlamaConfig> system_llama_config(hardware::Os os);

} // namespace odysseus::commands
