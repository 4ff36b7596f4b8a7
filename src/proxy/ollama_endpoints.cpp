#include "ollama_endpoints.hpp"

#include "odysseus/base/text.hpp"
#include "rewrite.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace odysseus::proxy {
namespace {

constexpr std::size_t k_error_bytes_shown_max = 4096;
constexpr std::size_t k_name_bytes_shown_max = 200;
constexpr std::string_view k_blobs = "/api/blobs/";

struct Place {
    std::string_view method;
    std::string_view path;
    OllamaEndpoint endpoint;
};
using enum OllamaEndpoint;
constexpr std::array<Place, 13> k_places{{
    {"GET", "/api/version", version},
    {"GET", "/api/tags", tags},
    {"POST", "/api/show", show},
    {"GET", "/api/ps", ps},
    {"POST", "/api/chat", chat},
    {"POST", "/api/generate", generate},
    {"POST", "/api/embed", embed},
    {"POST", "/api/embeddings", embeddings},
    {"POST", "/api/pull", pull},
    {"DELETE", "/api/delete", unavailable},
    {"POST", "/api/copy", unavailable},
    {"POST", "/api/create", unavailable},
    {"POST", "/api/push", unavailable},
}};

} // namespace

std::optional<OllamaEndpoint> ollama_endpoint_of(std::string_view method, std::string_view path) {
    if (!is_ollama(path)) return std::nullopt;
    if (path.starts_with(k_blobs)) return unavailable;
    const auto place = std::find_if(k_places.begin(), k_places.end(),
                                    [path](const Place& one) { return one.path == path; });
    if (place == k_places.end()) return unknown;
    const bool as_get = method == "HEAD" && place->method == "GET";
    return method == place->method || as_get ? place->endpoint : wrong_method;
}

bool is_translated(OllamaEndpoint endpoint) {
    return endpoint == chat || endpoint == generate || endpoint == embed || endpoint == embeddings;
}

bool is_ollama(std::string_view path) {
    return path.starts_with("/api/");
}

OllamaUnavailable ollama_unavailable(std::string_view method, std::string_view path,
                                     OllamaEndpoint endpoint) {
    if (endpoint == wrong_method) return {405, concat(path, " does not take ", method, ".")};
    if (endpoint == unknown)
        return {404, "This is no endpoint of Ollama's API that odysseus has; OpenAI's interface is "
                     "at /v1."};
    if (path == "/api/delete")
        return {501, "odysseus deletes no models: remove the file from the models folder."};
    if (path == "/api/copy")
        return {501, "odysseus copies no models: a model answers to its file's and its folder's "
                     "name."};
    if (path == "/api/create")
        return {501, "odysseus creates no models: put a GGUF file into the models folder; the "
                     "system message and the options go with each request."};
    if (path == "/api/push") return {501, "odysseus uploads no models."};
    // A client asks for a blob before it sends one.
    if (method == "HEAD" || method == "GET") return {404, "odysseus keeps no blobs of Ollama's."};
    return {501, "odysseus keeps no blobs of Ollama's: put a GGUF file into the models folder."};
}

std::string ollama_unknown_model(std::string_view asked, const std::vector<std::string>& near) {
    const auto name = asked.substr(0, k_name_bytes_shown_max);
    if (near.empty())
        return concat("model '", name, "' not found; GET /api/tags lists those there are");
    return concat("model '", name, "' not found; did you mean: ", joined(near, ", "), "?");
}

std::string ollama_error(std::string_view message) {
    const nlohmann::ordered_json error{{"error", message}};
    return error.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string message_of_error(std::string_view body) {
    JsonScanner scanner;
    scanner.feed(body);
    if (scanner.finish(body).json_object) {
        const auto json = nlohmann::json::parse(body, nullptr, false);
        const auto error = json.find("error");
        if (error != json.end() && error->is_string()) return error->get<std::string>();
        if (error != json.end() && error->is_object() && error->contains("message") &&
            (*error)["message"].is_string())
            return (*error)["message"].get<std::string>();
    }
    return std::string(trimmed(body.substr(0, k_error_bytes_shown_max)));
}

} // namespace odysseus::proxy
