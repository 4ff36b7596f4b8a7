#include "endpoints.hpp"

#include "odysseus/base/text.hpp"
#include "ollama_endpoints.hpp"

#include <algorithm>
#include <array>
#include <optional>

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

// Those that llama-server has with one beginning alone.
constexpr std::array<std::string_view, 3> k_with_version = {"/messages", "/messages/count_tokens",
                                                            "/audio/transcriptions"};
constexpr std::array<std::string_view, 6> k_without_version = {
    "/completion", "/embedding", "/infill", "/tokenize", "/detokenize", "/apply-template"};
// What else there is to ask for.
constexpr std::array<std::string_view, 12> k_plain_endpoints = {
    "/v1",    "/models", "/v1/models", "/health",          "/v1/health",    "/metrics",
    "/props", "/slots",  "/odysseus",  "/odysseus/status", "/odysseus/log", "/lora-adapters"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& list, std::string_view path) {
    return std::find(list.begin(), list.end(), path) != list.end();
}

std::string_view without_version(std::string_view path) {
    constexpr std::string_view k_version = "/v1/";
    return path.substr(0, k_version.size()) == k_version ? path.substr(k_version.size() - 1) : path;
}

bool is_place_of_ollama(std::string_view path) {
    const auto endpoint = ollama_endpoint_of("GET", path);
    return endpoint && *endpoint != OllamaEndpoint::unknown;
}

// With or without /v1, as llama-server has it; absent: it is nothing that there is.
std::optional<std::string> known_path(std::string_view path) {
    const auto plain = without_version(path);
    if (is_one_of(k_with_version, plain)) return "/v1" + std::string(plain);
    if (is_one_of(k_without_version, plain)) return std::string(plain);
    const bool known = is_one_of(k_model_endpoints, plain) || is_one_of(k_plain_endpoints, path) ||
                       path.starts_with("/v1/models/") || path.starts_with("/slots/") ||
                       is_place_of_ollama(path);
    return known ? std::optional(std::string(path)) : std::nullopt;
}

// Of a client whose base URL is a whole endpoint already, or has another program's word before it:
// "/v1/chat/completions/models", "/openai/v1/models", "/v1/api/chat".
std::optional<std::string> known_end(std::string_view path) {
    for (auto at = path.find('/', 1); at != std::string_view::npos; at = path.find('/', at + 1)) {
        const auto end = path.substr(at);
        const bool begins_anew =
            end.starts_with("/v1/") || is_ollama(end) || known_path(path.substr(0, at));
        if (!begins_anew) continue;
        if (auto known = known_path(end)) return known;
    }
    return std::nullopt;
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
    if (path == "/v1") return Endpoint::base_url;
    return Endpoint::forward;
}

bool needs_model(std::string_view method, std::string_view path) {
    if (method != "POST") return false;
    const auto plain = without_version(path);
    return is_one_of(k_model_endpoints, plain);
}

models::ModelKind kind_asked(std::string_view path) {
    const auto plain = without_version(path);
    if (plain == "/embedding" || plain == "/embeddings") return models::ModelKind::embedding;
    if (plain == "/rerank" || plain == "/reranking") return models::ModelKind::rerank;
    return models::ModelKind::chat;
}

std::string meant_path(std::string_view path) {
    std::string meant;
    for (const char c : path) {
        if (c != '/' || meant.empty() || meant.back() != '/') meant += c;
    }
    if (meant.size() > 1 && meant.back() == '/') meant.pop_back();
    constexpr std::string_view k_twice = "/v1/v1";
    while (meant.starts_with(k_twice) && (meant.size() == k_twice.size() || meant[6] == '/'))
        meant.erase(0, 3);
    if (auto known = known_path(meant)) return *known;
    return known_end(meant).value_or(std::string(path));
}

bool manages_models(std::string_view path) {
    return path == "/models" || path == "/v1/models";
}

std::string unknown_path_message(std::string_view method, std::string_view path) {
    constexpr std::size_t k_path_bytes_shown_max = 100;
    const auto shown = path.substr(0, k_path_bytes_shown_max);
    if (method != "POST" && is_one_of(k_model_endpoints, without_version(path)))
        return concat(shown, " takes POST, not ", method, ".");
    if (method == "DELETE" && path.starts_with("/v1/models/"))
        return "odysseus deletes no models: remove the file from the models folder.";
    std::vector<std::string> known(k_model_endpoints.begin(), k_model_endpoints.end());
    known.insert(known.end(), k_plain_endpoints.begin(), k_plain_endpoints.end());
    const auto near = nearest(without_version(shown), known, 1);
    if (near.empty())
        return concat("There is no ", shown,
                      " here; OpenAI's interface is at /v1, for example "
                      "/v1/chat/completions.");
    const bool bare =
        is_one_of(k_without_version, near.front()) || is_one_of(k_plain_endpoints, near.front());
    return concat("There is no ", shown, " here; did you mean ", bare ? "" : "/v1", near.front(),
                  "?");
}

bool is_anthropic(std::string_view path) {
    const auto plain = without_version(path);
    return plain == "/messages" || plain == "/messages/count_tokens";
}

} // namespace odysseus::proxy
