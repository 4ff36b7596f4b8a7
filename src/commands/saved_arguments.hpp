// llama-server's own arguments (behind "--") from one launch to the next change of build: another
// build may not take them any more.
#pragma once

#include "odysseus/settings/home.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace odysseus::commands {

// Those of the last launch; none where there was none.
[[nodiscard]] std::vector<std::string> saved_arguments(const settings::Home& home);

// Throws Error (usage) when this llama-server's --help does not list one of them.
void try_arguments(const std::filesystem::path& server,
                   const std::vector<std::filesystem::path>& library_folders,
                   const std::vector<std::string>& arguments);

} // namespace odysseus::commands
