// The preset file (--models-preset) that tells llama-server of the models that it does not find in
// --models-dir by itself, and of those whose weights do not all lie on the GPU.
// Format: llama.cpp, tools/server/README.md, "Using multiple models".
#pragma once

#include "odysseus/memory/placement.hpp"
#include "odysseus/models/model_catalog.hpp"

#include <map>
#include <string>

namespace odysseus::server {

// The worker of those whose placement has one.
struct PresetWorker {
    int port = 0;               // of 127.0.0.1 that leads to its RPC server; 0: none
    bool others_on_cpu = false; // layers would go to a GPU here that is not to be used
};

using Placements = std::map<std::string, memory::Placement>; // by id; the others: on the GPU

// Empty: no file is needed.
[[nodiscard]] std::string preset_text(const models::Catalog& catalog,
                                      const Placements& placements = {},
                                      const PresetWorker& worker = {});

} // namespace odysseus::server
