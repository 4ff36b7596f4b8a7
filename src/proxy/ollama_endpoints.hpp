// Ollama's API: which request is for which endpoint of it, and the shape of its errors
// (docs/ollama.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::proxy {

enum class OllamaEndpoint {
    version,
    tags,
    show,
    ps,
    chat,
    generate,
    embed,
    embeddings,
    pull,
    unavailable, // of Ollama, and nothing that odysseus does
    wrong_method,
    unknown,
};
// Absent: the path is not of Ollama's API.
[[nodiscard]] std::optional<OllamaEndpoint> ollama_endpoint_of(std::string_view method,
                                                               std::string_view path);
// Whether llama-server answers it, so that it is translated.
[[nodiscard]] bool is_translated(OllamaEndpoint endpoint);

// Who asks below /api reads errors in Ollama's shape.
[[nodiscard]] bool is_ollama(std::string_view path);

// What odysseus has in place of what it does not do; one sentence for each.
struct OllamaUnavailable {
    int status = 501;
    std::string sentence;
};
[[nodiscard]] OllamaUnavailable ollama_unavailable(std::string_view method, std::string_view path,
                                                   OllamaEndpoint endpoint);

// For a client that asked for a model that nobody knows; `near`: those it may mean.
[[nodiscard]] std::string ollama_unknown_model(std::string_view asked,
                                               const std::vector<std::string>& near);

// {"error": "..."}
[[nodiscard]] std::string ollama_error(std::string_view message);
// The message of an error in OpenAI's shape, or the text itself where it has none.
[[nodiscard]] std::string message_of_error(std::string_view body);

} // namespace odysseus::proxy
