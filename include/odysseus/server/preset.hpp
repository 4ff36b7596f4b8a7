// The preset file (--models-preset) that tells llama-server of the models that it does not find in
// --models-dir by itself, and of those whose weights do not all lie on the GPU.
// Format: llama.cpp, tools/server/README.md, "Using multiple models".
#pragma once

#include "odysseus/memory/placement.hpp"
#include "odysseus/models/model_catalog.hpp"

#include <map>
#include <string>

namespace odysseus::server {

using Placements = std::map<std::string, memory::Placement>; // by id; the others: on the GPU

// Empty: no file is needed.
[[nodiscard]] std::string preset_text(const models::Catalog& catalog,
                                      const Placements& placements = {});

} // namespace odysseus::server
