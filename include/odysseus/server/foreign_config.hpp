// llama.cpp's own config.ini (since b10398), which every program of it reads below its environment:
// the settings in it that odysseus cannot overrule (launch_plan.hpp has those that it can).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace odysseus::server {

// Their names as they stand there, each once, in order; printable.
[[nodiscard]] std::vector<std::string> settings_that_hold(std::string_view config);

} // namespace odysseus::server
