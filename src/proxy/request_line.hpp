// What is known of a request at its end, and the words for it. No body, key or prompt gets here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace odysseus::proxy {

// How much an answer of llama-server's says it has made.
struct AnswerCount {
    std::optional<std::int64_t> tokens;
    std::optional<double> tokens_per_s;
};

// `tail`: the end of the answer's body.
[[nodiscard]] AnswerCount count_in(std::string_view tail);

struct RequestLine {
    std::string id;
    std::string method;
    std::string path;  // without the query
    std::string model; // as it was asked for, where no model has that name
    int status = 0;
    std::uint64_t bytes = 0;   // of the body, to the client
    double first_byte_ms = -1; // below 0: there was none
    double total_ms = 0;
    AnswerCount count;
    bool detail = false; // of interest to debugging only
    std::string code;    // of an error of our own
    std::string end;     // "client left", "llama-server left", "own answer", or nothing
    bool trouble = true; // without an id: `end` is an error, else news
};

// For a person at a terminal: "200  smollm2-135m  60 tokens  8.1 s  20 tok/s".
[[nodiscard]] std::string request_words(const RequestLine& line);

} // namespace odysseus::proxy
