// What of a message's head goes on to the other side: everything but what belongs to one connection
// alone (RFC 9110, section 7.6.1), and what odysseus decides itself (keys, Origin, framing).
#pragma once

#include "odysseus/proxy/http_head.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace odysseus::proxy {

// A request that goes to another machine says so: what was forwarded once is never forwarded again.
inline constexpr std::string_view k_forwarded_header = "Odysseus-Forwarded";

struct UpstreamHeadInput {
    std::string_view target; // path and query, the model's name already in place
    std::string_view host;   // "127.0.0.1:10086"
    std::optional<std::uint64_t> content_length;
    bool drop_client_key = false;  // the client's key was meant for odysseus
    std::string_view upstream_key; // llama-server's own; empty: none
    bool as_json = false;          // the body is JSON, whatever the client calls it
    bool body_inflated = false;    // it is no longer encoded as the client's head says
    bool to_peer = false;          // says so, and asks for an answer that is not packed
};
// The head of the request as llama-server gets it.
[[nodiscard]] std::string upstream_head(const RequestHead& head, const UpstreamHeadInput& input);

struct ClientHeadInput {
    std::string_view allowed_origin; // empty: no Origin was sent
    bool keep_alive = true;
    bool http_1_1 =
        true; // else the chunks are taken off and the end of the connection ends the body
};
// The head of llama-server's answer as the client gets it. Access-Control-* is ours to say.
[[nodiscard]] std::string client_head(const ResponseHead& head, const ClientHeadInput& input);

// One of odysseus's own answers, with its body.
struct OwnAnswer {
    int status = 200;
    std::string content_type = "application/json; charset=utf-8";
    std::string body;
    std::optional<std::int64_t> retry_after_s;
    std::string more_lines; // "Name: value\r\n…"
};
[[nodiscard]] std::string own_answer(const OwnAnswer& answer, const ClientHeadInput& input,
                                     bool to_head);

// {"error": {"message", "type", "param", "code"}}: the shape that OpenAI's clients read.
[[nodiscard]] std::string openai_error(int status, std::string_view code, std::string_view message,
                                       std::string_view param = {});

[[nodiscard]] std::string_view reason_phrase(int status);

// One chunk of a chunked body ("1f\r\n…\r\n"); `content` must not be empty, that would be the end.
[[nodiscard]] std::string chunk_size_line(std::size_t content_bytes);
[[nodiscard]] std::string chunk_of(std::string_view content);
inline constexpr std::string_view k_last_chunk = "0\r\n\r\n";

} // namespace odysseus::proxy
