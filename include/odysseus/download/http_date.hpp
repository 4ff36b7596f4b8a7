// The date in an HTTP header.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace odysseus::download {

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7: the one form that is sent today) as seconds
// since 1970.
[[nodiscard]] std::optional<std::int64_t> http_date_s(std::string_view text);

} // namespace odysseus::download
