#include "api_reply.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>

namespace odysseus::builds {

ApiMeaning meaning_of(const ApiReply& reply, bool with_token) {
    if (reply.status == 200) return ApiMeaning::content;
    if (reply.status == 304) return ApiMeaning::not_modified;
    const bool used_up = trimmed(reply.remaining) == "0" || !trimmed(reply.retry_after).empty();
    if (reply.status == 429 || (reply.status == 403 && used_up)) return ApiMeaning::limited;
    const bool token_may_be_why = reply.status == 401 || reply.status == 403 || reply.status == 404;
    if (with_token && token_may_be_why) return ApiMeaning::token_bad;
    return reply.status == 404 ? ApiMeaning::absent : ApiMeaning::refused;
}

std::optional<std::int64_t> seconds_to_reset(const ApiReply& reply, std::int64_t now_epoch_s) {
    constexpr std::int64_t k_day_s = 86400;
    auto seconds = parsed_int(trimmed(reply.retry_after));
    if (!seconds) {
        const auto reset = parsed_int(trimmed(reply.reset));
        if (!reset || *reset < 0) return std::nullopt;
        // A clock that is wrong by days must not overflow, nor make anybody wait for them.
        seconds = *reset > now_epoch_s ? *reset - now_epoch_s : 0;
    }
    return std::clamp<std::int64_t>(*seconds, 0, k_day_s);
}

std::string reset_text(std::int64_t seconds, std::int64_t now_epoch_s) {
    if (seconds < 120) return concat("in ", seconds, seconds == 1 ? " second" : " seconds");
    const auto minute_of_day = (now_epoch_s + seconds) / 60 % 1440;
    const auto two = [](std::int64_t number) {
        return number < 10 ? concat('0', number) : concat(number);
    };
    return concat("in ", (seconds + 59) / 60, " minutes (", two(minute_of_day / 60), ':',
                  two(minute_of_day % 60), " UTC)");
}

} // namespace odysseus::builds
