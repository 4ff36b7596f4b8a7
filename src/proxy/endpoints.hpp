// Which request is for whom: odysseus's own pages, or an endpoint of llama-server, and what of it
// carries a model's name (llama.cpp tools/server, router mode).
#pragma once

#include "odysseus/models/model.hpp"

#include <string>
#include <string_view>

namespace odysseus::proxy {

enum class Endpoint {
    forward,   // llama-server's
    models,    // GET /v1/models, /models
    one_model, // GET /v1/models/NAME
    health,    // GET /health, /v1/health
    status,    // GET /odysseus/status
    log,       // GET /odysseus/log
    page,      // GET /odysseus
    offer,     // GET /odysseus/pull
    pull,      // POST /odysseus/pull
    metrics,   // GET /metrics without a model
    asterisk,  // OPTIONS *
    base_url,  // GET /v1
};
[[nodiscard]] Endpoint endpoint_of(std::string_view method, std::string_view path,
                                   bool names_model);

// Whether a request without a model, or with one that nobody knows, can only fail there: those are
// answered by odysseus (404 model_not_found), and get the default model when they name none.
[[nodiscard]] bool needs_model(std::string_view method, std::string_view path);

// The kind of model that such a request is for.
[[nodiscard]] models::ModelKind kind_asked(std::string_view path);

// POST /models and DELETE /models name what is to be fetched or removed, not a model to ask.
[[nodiscard]] bool manages_models(std::string_view path);

// The path that was meant: without doubled slashes, one at the end, or what a base URL has too much
// before the client's own path (/v1, a whole endpoint, another program's word), where this makes it
// a path that is known; and with or without /v1 as llama-server has it. Any other path stays as it
// is.
[[nodiscard]] std::string meant_path(std::string_view path);

// What a client is told in place of llama-server's "File Not Found".
[[nodiscard]] std::string unknown_path_message(std::string_view method, std::string_view path);

// Whether who asks there speaks Anthropic's interface, with its own shape of errors and events.
[[nodiscard]] bool is_anthropic(std::string_view path);

} // namespace odysseus::proxy
