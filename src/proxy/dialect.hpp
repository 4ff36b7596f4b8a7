// The interface that a client speaks, by the path it asks for, and with it the shape of errors and
// of what keeps a stream alive.
#pragma once

#include "odysseus/models/model.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

// Of the model that llama-server's error is about.
struct AskedModel {
    std::int64_t context = 0; // tokens that it has; 0: unknown
    std::string name{};
    models::ModelKind kind = models::ModelKind::chat;
    models::ModelKind needed = models::ModelKind::chat; // by what was asked for
    std::vector<std::string> fitting{};                 // models of the kind that is needed
};
// llama-server's error in the client's dialect; absent: it can stay as it is.
[[nodiscard]] std::optional<std::string>
translated_error(Dialect dialect, int status, std::string_view body, const AskedModel& model);

// What an embedding or rerank model says of a text that is larger than its batch; absent: it is
// another error.
[[nodiscard]] std::optional<std::string> long_input_message(std::string_view said);

// For a picture that was sent to a model without a projector; `fitting`: models that have one.
[[nodiscard]] std::string no_pictures_message(std::string_view model,
                                              const std::vector<std::string>& fitting);

// What is wrong with a request's body; absent: it is JSON.
[[nodiscard]] std::optional<std::string> broken_json_message(std::string_view body);

} // namespace odysseus::proxy
