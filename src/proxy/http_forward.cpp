#include "http_forward.hpp"

#include "odysseus/base/text.hpp"
#include "rewrite.hpp"

#include <array>
#include <cstdio>
#include <utility>

namespace odysseus::proxy {
namespace {

// Of one connection alone; and what this side says anew.
constexpr std::array<std::string_view, 11> k_hop_by_hop = {"connection",
                                                           "keep-alive",
                                                           "te",
                                                           "trailer",
                                                           "transfer-encoding",
                                                           "upgrade",
                                                           "expect",
                                                           "proxy-connection",
                                                           "proxy-authenticate",
                                                           "proxy-authorization",
                                                           "http2-settings"};

bool is_hop_by_hop(std::string_view name) {
    for (const auto known : k_hop_by_hop) {
        if (same_name(name, known)) return true;
    }
    return false;
}

// Names that a Connection line declares to be of this connection alone.
std::string connection_names(const HeaderLines& lines) {
    std::string names;
    for (const auto& line : lines) {
        if (same_name(line.name, "connection")) names += concat(line.value, ",");
    }
    return names;
}

void append_line(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
}

bool begins(std::string_view name, std::string_view prefix) {
    return name.size() >= prefix.size() && same_name(name.substr(0, prefix.size()), prefix);
}

void append_origin(std::string& out, std::string_view origin) {
    if (origin.empty()) return;
    append_line(out, "Access-Control-Allow-Origin", origin);
    append_line(out, "Vary", "Origin");
}

std::string_view error_type(int status) {
    if (status == 401) return "authentication_error";
    if (status == 403) return "permission_error";
    if (status == 404) return "not_found_error";
    if (status >= 500) return "server_error";
    return "invalid_request_error";
}

} // namespace

std::string upstream_head(const RequestHead& head, const UpstreamHeadInput& input) {
    std::string out;
    out.reserve(512);
    out += head.method;
    out += ' ';
    out += input.target;
    out += " HTTP/1.1\r\n";
    append_line(out, "Host", input.host);
    const auto named = connection_names(head.headers);
    for (const auto& line : head.headers) {
        if (is_hop_by_hop(line.name) || same_name(line.name, "host") ||
            same_name(line.name, "content-length") || same_name(line.name, "origin") ||
            begins(line.name, "access-control-"))
            continue;
        if ((input.as_json && same_name(line.name, "content-type")) ||
            (input.body_inflated && same_name(line.name, "content-encoding")))
            continue;
        if (!named.empty() && list_has(named, line.name)) continue;
        if ((input.drop_client_key || !input.upstream_key.empty()) &&
            (same_name(line.name, "authorization") || same_name(line.name, "x-api-key")))
            continue;
        if (input.to_peer && same_name(line.name, "accept-encoding")) continue;
        append_line(out, line.name, line.value);
    }
    if (input.to_peer) append_line(out, k_forwarded_header, "1");
    if (!input.upstream_key.empty())
        append_line(out, "Authorization", concat("Bearer ", input.upstream_key));
    if (input.as_json) append_line(out, "Content-Type", "application/json");
    if (input.content_length)
        append_line(out, "Content-Length", std::to_string(*input.content_length));
    out += "\r\n";
    return out;
}

std::string client_head(const ResponseHead& head, const ClientHeadInput& input) {
    std::string out;
    out.reserve(512);
    out += "HTTP/1.1 ";
    out += std::to_string(head.status);
    out += ' ';
    out += head.reason;
    out += "\r\n";
    const auto named = connection_names(head.headers);
    for (const auto& line : head.headers) {
        if (is_hop_by_hop(line.name) || begins(line.name, "access-control-")) continue;
        if (!named.empty() && list_has(named, line.name)) continue;
        append_line(out, line.name, line.value);
    }
    append_origin(out, input.allowed_origin);
    const bool chunked = head.framing == Framing::chunked && input.http_1_1;
    if (chunked) append_line(out, "Transfer-Encoding", "chunked");
    const bool closes = !input.keep_alive || head.framing == Framing::until_close ||
                        (head.framing == Framing::chunked && !input.http_1_1);
    if (closes) {
        append_line(out, "Connection", "close");
    } else if (!input.http_1_1) {
        append_line(out, "Connection", "keep-alive");
    }
    out += "\r\n";
    return out;
}

std::string own_answer(const OwnAnswer& answer, const ClientHeadInput& input, bool to_head) {
    auto out = concat("HTTP/1.1 ", answer.status, ' ', reason_phrase(answer.status), "\r\n");
    if (answer.status != 204) {
        append_line(out, "Content-Type", answer.content_type);
        append_line(out, "Content-Length", std::to_string(answer.body.size()));
    }
    if (answer.retry_after_s)
        append_line(out, "Retry-After", std::to_string(*answer.retry_after_s));
    out += answer.more_lines;
    append_origin(out, input.allowed_origin);
    if (!input.keep_alive) {
        append_line(out, "Connection", "close");
    } else if (!input.http_1_1) {
        append_line(out, "Connection", "keep-alive");
    }
    out += "\r\n";
    if (!to_head && answer.status != 204) out += answer.body;
    return out;
}

std::string openai_error(int status, std::string_view code, std::string_view message,
                         std::string_view param) {
    return concat(R"({"error":{"message":)", json_quoted(message), R"(,"type":")",
                  error_type(status), R"(","param":)", param.empty() ? "null" : json_quoted(param),
                  R"(,"code":)", json_quoted(code), "}}");
}

std::string_view reason_phrase(int status) {
    constexpr std::array<std::pair<int, std::string_view>, 20> k_phrases = {{
        {200, "OK"},
        {204, "No Content"},
        {307, "Temporary Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    }};
    for (const auto& [known, phrase] : k_phrases) {
        if (known == status) return phrase;
    }
    return "Status";
}

std::string chunk_size_line(std::size_t content_bytes) {
    char text[24];
    std::snprintf(text, sizeof text, "%zx\r\n", content_bytes);
    return text;
}

std::string chunk_of(std::string_view content) {
    return concat(chunk_size_line(content.size()), content, "\r\n");
}

} // namespace odysseus::proxy
