// What an answer of GitHub's API means, by its status and headers (docs.github.com, "Rate limits
// for the REST API": 403 or 429 with x-ratelimit-remaining 0, or with retry-after for secondary
// limits).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace odysseus::builds {

struct ApiReply {
    int status = 0;
    std::string_view remaining;   // x-ratelimit-remaining
    std::string_view reset;       // x-ratelimit-reset, seconds since 1970 (UTC)
    std::string_view retry_after; // seconds
};

enum class ApiMeaning {
    content,
    not_modified, // what is cached is still right
    limited,      // too many requests; it passes
    token_bad,    // 401, or 403/404 that a bad token explains: worth asking without it
    absent,       // 404
    refused,      // any other
};

[[nodiscard]] ApiMeaning meaning_of(const ApiReply& reply, bool with_token);

// Seconds until a limited API answers again, as far as it says so; at most a day.
[[nodiscard]] std::optional<std::int64_t> seconds_to_reset(const ApiReply& reply,
                                                           std::int64_t now_epoch_s);
// "in 37 minutes (12:40 UTC)", "in 5 seconds".
[[nodiscard]] std::string reset_text(std::int64_t seconds, std::int64_t now_epoch_s);

} // namespace odysseus::builds
