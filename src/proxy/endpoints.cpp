#include "endpoints.hpp"

#include <algorithm>
#include <array>

namespace odysseus::proxy {
namespace {

constexpr std::array<std::string_view, 18> k_model_endpoints = {
    "/completion",
    "/completions",
    "/chat/completions",
    "/chat/completions/control",
    "/chat/completions/input_tokens",
    "/responses",
    "/responses/input_tokens",
    "/messages",
    "/messages/count_tokens",
    "/infill",
    "/embedding",
    "/embeddings",
    "/rerank",
    "/reranking",
    "/tokenize",
    "/detokenize",
    "/apply-template",
    "/audio/transcriptions",
};

std::string_view without_version(std::string_view path) {
    constexpr std::string_view k_version = "/v1/";
    return path.substr(0, k_version.size()) == k_version ? path.substr(k_version.size() - 1) : path;
}

} // namespace

Endpoint endpoint_of(std::string_view method, std::string_view path, bool names_model) {
    if (path == "*") return Endpoint::asterisk;
    if (method == "POST" && path == "/odysseus/pull") return Endpoint::pull;
    if (method != "GET" && method != "HEAD") return Endpoint::forward;
    if (path == "/v1/models" || path == "/models") return Endpoint::models;
    if (path.substr(0, 11) == "/v1/models/" && path.size() > 11) return Endpoint::one_model;
    if (path == "/health" || path == "/v1/health") return Endpoint::health;
    if (path == "/odysseus/status") return Endpoint::status;
    if (path == "/odysseus/log") return Endpoint::log;
    if (path == "/odysseus/pull") return Endpoint::offer;
    if (path == "/odysseus" || path == "/odysseus/") return Endpoint::page;
    if (path == "/metrics" && !names_model) return Endpoint::metrics;
    return Endpoint::forward;
}

bool needs_model(std::string_view method, std::string_view path) {
    if (method != "POST") return false;
    const auto plain = without_version(path);
    return std::find(k_model_endpoints.begin(), k_model_endpoints.end(), plain) !=
           k_model_endpoints.end();
}

bool manages_models(std::string_view path) {
    return path == "/models" || path == "/v1/models";
}

bool is_anthropic(std::string_view path) {
    const auto plain = without_version(path);
    return plain == "/messages" || plain == "/messages/count_tokens";
}

} // namespace odysseus::proxy
