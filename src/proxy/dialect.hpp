// The interface that a client speaks, by the path it asks for, and with it the shape of errors and
// of what keeps a stream alive.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace odysseus::proxy {

enum class Dialect {
    openai,    // and llama-server's own
    anthropic, // /v1/messages
    ollama,    // /api
    unknown,   // the request was refused before its path was read
};
[[nodiscard]] Dialect dialect_of(std::string_view path);
// Of a request whose head cannot be used, or has not been read in full.
[[nodiscard]] Dialect dialect_of_beginning(std::string_view request);

struct ErrorFacts {
    int status = 500;
    std::string_view code;
    std::string_view message;
    std::string_view param = {};
};
// The body of an error. To `unknown`: one that the clients of both can read.
[[nodiscard]] std::string error_body(Dialect dialect, const ErrorFacts& error);

// The last event of a stream, with an error's body.
[[nodiscard]] std::string error_event(Dialect dialect, std::string_view body);
// What keeps a stream alive before its first event, and means nothing.
[[nodiscard]] std::string_view ping_event(Dialect dialect);

// llama-server's error in the client's dialect; absent: it can stay as it is.
// `context`: tokens that the model has, for prompts that are too long; 0: unknown.
[[nodiscard]] std::optional<std::string>
translated_error(Dialect dialect, int status, std::string_view body, std::int64_t context);

} // namespace odysseus::proxy
