// Ollama's `options` as llama-server's parameters.
#pragma once

#include "ollama_fields.hpp"

#include <string>
#include <vector>

namespace odysseus::proxy {

// Adds what one request can change to `out`. `limit` is what llama-server calls the most tokens of
// an answer there. The names of those that belong to the load of a model, or that llama-server does
// not know, are returned: they are told to the client. Throws OllamaRefusal.
[[nodiscard]] std::vector<std::string> add_options(OllamaJson& options, std::string_view limit,
                                                   OllamaJson& out);

} // namespace odysseus::proxy
