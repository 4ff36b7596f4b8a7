// Ollama's lists of models, and what it shows of one.
#pragma once

#include "odysseus/models/gguf_header.hpp"
#include "odysseus/models/model.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::proxy {

struct OllamaModel {
    models::Model model;
    std::int64_t modified_ns = 0; // since 1970
    std::string digest;           // 64 hexadecimal digits
};

// Its friendliest name; Ollama's names have a tag.
[[nodiscard]] std::string ollama_name(const models::Model& model);

// GET /api/tags. `router_list`: llama-server's answer to GET /models; `foreign`: the ids in it that
// are no model of the folder.
[[nodiscard]] std::string ollama_tags(const std::vector<OllamaModel>& models,
                                      const std::vector<std::string>& foreign,
                                      std::string_view router_list);

struct OllamaServing {
    std::int64_t context = 0; // tokens; 0: not known
    bool on_gpu = false;
};
// GET /api/ps: those that llama-server has loaded.
[[nodiscard]] std::string ollama_ps(const std::vector<OllamaModel>& models,
                                    std::string_view router_list, const OllamaServing& serving);

// POST /api/show. `header`: null when the file cannot be read.
[[nodiscard]] std::string ollama_show(const OllamaModel& model, const models::GgufInfo* header,
                                      const OllamaServing& serving);
// The same of a model that llama-server alone knows.
[[nodiscard]] std::string ollama_show_foreign(std::string_view id, const OllamaServing& serving);

} // namespace odysseus::proxy
