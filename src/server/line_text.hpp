// Small readers of one line of llama-server's log.
#pragma once

#include <optional>
#include <string_view>

namespace odysseus::server {

[[nodiscard]] bool is_digit(char c);
[[nodiscard]] bool has(std::string_view text, std::string_view word);
// What follows `key`, or nothing when `key` is not there.
[[nodiscard]] std::optional<std::string_view> after(std::string_view text, std::string_view key);
[[nodiscard]] std::string_view leading(std::string_view text, bool (*wanted)(char));
[[nodiscard]] std::string_view without_spaces_before(std::string_view text);

} // namespace odysseus::server
