#include "line_text.hpp"

namespace odysseus::server {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool has(std::string_view text, std::string_view word) {
    return text.find(word) != std::string_view::npos;
}

std::optional<std::string_view> after(std::string_view text, std::string_view key) {
    const auto at = text.find(key);
    if (at == std::string_view::npos) return std::nullopt;
    return text.substr(at + key.size());
}

std::string_view leading(std::string_view text, bool (*wanted)(char)) {
    std::size_t length = 0;
    while (length < text.size() && wanted(text[length]))
        ++length;
    return text.substr(0, length);
}

std::string_view without_spaces_before(std::string_view text) {
    while (!text.empty() && text.front() == ' ')
        text.remove_prefix(1);
    return text;
}

} // namespace odysseus::server
