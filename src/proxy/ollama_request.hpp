// Requests of Ollama's API that llama-server answers, as requests of llama-server's own.
#pragma once

#include "ollama_endpoints.hpp"
#include "ollama_fields.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace odysseus::proxy {

// What llama-server is asked for, and so the shape of its answer.
enum class OllamaForm {
    chat,       // POST /v1/chat/completions
    completion, // POST /completion, POST /infill
    embeddings, // POST /v1/embeddings
    load,       // POST /tokenize: nothing but that the model is loaded
    unload,     // POST /models/unload
};

struct OllamaCall {
    OllamaEndpoint endpoint = OllamaEndpoint::chat;
    OllamaForm form = OllamaForm::chat;
    bool stream = true;
    bool unload_after = false; // keep_alive is 0
    std::string model{};       // as the client named it; empty: it named none
    std::optional<std::int64_t> dimensions{};
    std::string not_applied{}; // fields and options that one request cannot change: "num_ctx, numa"
    std::string_view path{};   // llama-server's
    std::string body{};        // as llama-server gets it; `model` is the client's name
};

[[nodiscard]] std::variant<OllamaCall, OllamaRefusal> ollama_call(OllamaEndpoint endpoint,
                                                                  std::string_view body);

// Of a body that names one model and perhaps wants no stream: /api/show, /api/pull.
struct OllamaNamed {
    std::string model;
    bool stream = true;
};
[[nodiscard]] std::variant<OllamaNamed, OllamaRefusal> ollama_named(std::string_view body);

// The same name without a tag that says nothing ("llama3:latest"); absent: it has none.
[[nodiscard]] std::optional<std::string_view> without_latest(std::string_view name);

} // namespace odysseus::proxy
