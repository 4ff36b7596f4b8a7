// data/pulled.json on the disk.
#pragma once

#include "odysseus/models/pulled_origins.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace odysseus::models {

// Nothing when there is none, or none that can be read.
[[nodiscard]] PulledOrigins read_pulled_origins(const std::filesystem::path& file);
// Adds to the file. Throws Error (usage) when it cannot be written.
void note_pulled(const std::filesystem::path& file, const std::vector<PulledFile>& pulled,
                 const std::string& origin);

} // namespace odysseus::models
