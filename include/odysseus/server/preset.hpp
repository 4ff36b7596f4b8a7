// The preset file (--models-preset) that tells llama-server of the models that it does not find in
// --models-dir by itself, and with --per-model-context gives each model a context of its own.
// Format: llama.cpp, tools/server/README.md, "Using multiple models".
#pragma once

#include "odysseus/models/model_catalog.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace odysseus::server {

// With --per-model-context. --ctx-size and -ngl must then not be in argv: there they would win.
struct ModelContexts {
    std::map<std::string, std::int64_t> tokens; // by id
    std::int64_t other_tokens = 2048;           // for a model that is not among them
    std::int64_t gpu_layers = 0;                // -ngl
};

// Empty: no file is needed.
[[nodiscard]] std::string preset_text(const models::Catalog& catalog);
[[nodiscard]] std::string preset_text(const models::Catalog& catalog,
                                      const ModelContexts& contexts);

} // namespace odysseus::server
