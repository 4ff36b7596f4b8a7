// What a launch leaves for the next change of build.
#pragma once

#include "odysseus/settings/home.hpp"

#include <string>
#include <vector>

namespace odysseus::commands {

// llama-server's own arguments, which `odysseus backend use` and `install` try first.
void save_arguments(const settings::Home& home, const std::vector<std::string>& arguments);

} // namespace odysseus::commands
