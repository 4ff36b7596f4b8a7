// One GET over libcurl: redirects followed under the trust boundary, no-progress timeout, stop
// flag. What is done about failures is decided one level up (fetch.hpp). libcurl is initialised by
// the first request of the program, never before: it costs memory that a launch without network
// must not pay.
#pragma once

#include "odysseus/base/error.hpp"
#include "odysseus/download/url.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace odysseus::download {

struct HttpOptions {
    Trust trust;
    std::chrono::milliseconds connect_limit{15000};
    // A transfer that brings less than 4 KiB in this time is broken. There is no total limit.
    std::chrono::milliseconds stall_limit{30000};
    // Failures in a row, without progress between them, until it is given up.
    int tries_max = 5;
    std::chrono::milliseconds back_off{500}; // the first pause; it doubles
    // The longest pause that a server may ask for (Retry-After) before it counts as a failure.
    std::chrono::milliseconds wait_max{10000};
    std::function<bool()> stopped; // asked about ten times a second; may be empty
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>; // names in lower case

struct HttpReply {
    int status = 0;
    HttpHeaders headers;
    // Absent for a chunked or compressed body.
    std::optional<std::int64_t> content_length;
    // The first header of that name (lower case); empty when there is none.
    [[nodiscard]] std::string_view header(std::string_view name) const;
};

// `why` of an HttpBroken whose host has no address here.
inline constexpr const char* k_host_not_found = "the host was not found";

// Nobody answered. The sentence names the host; the address and the tries are in the log.
class Unreachable : public Error {
  public:
    Unreachable(const std::string& url, const std::string& why, int tries);
};

// No whole answer came. The sentence says what happened, without naming the address.
struct HttpBroken {
    std::string why;
    bool transient = true; // another try can help
    std::int64_t bytes = 0;
};

struct HttpGet {
    std::string url;
    std::vector<std::string> headers;  // "Name: value"
    std::optional<std::string> bearer; // sent to the first host only, never to where it redirects
    bool compressed = false;           // offer gzip and the like, and undo it
    // Called once, when the final answer's headers are there; false: the body is not wanted.
    std::function<bool(const HttpReply&)> on_head;
    // The body as it comes. Both may throw: the transfer ends and http_get rethrows.
    std::function<void(std::string_view)> on_body;
};

// Throws Stopped when the options say so, Error (network) for an address that is not trusted.
[[nodiscard]] std::variant<HttpReply, HttpBroken> http_get(const HttpGet& get,
                                                           const HttpOptions& options);

// Waits in small steps; throws Stopped.
void pause(std::chrono::milliseconds time, const HttpOptions& options);

// What Retry-After says, as a pause: seconds or a date.
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_after(const HttpReply& reply);

} // namespace odysseus::download
