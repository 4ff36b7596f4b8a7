#include "event_lines.hpp"

#include <utility>

namespace odysseus::proxy {

std::optional<std::string> EventLines::next() {
    while (!m_broken) {
        const auto found = line();
        if (!found) break;
        if (!found->empty()) {
            take(*found);
        } else if (std::exchange(m_has_data, false)) {
            return std::exchange(m_data, {});
        }
    }
    m_bytes.erase(0, std::exchange(m_at, 0));
    if (m_bytes.size() + m_data.size() > k_event_bytes_max) m_broken = true;
    return std::nullopt;
}

std::optional<std::string_view> EventLines::line() {
    const auto end = m_bytes.find('\n', m_at);
    if (end == std::string::npos) return std::nullopt;
    auto found = std::string_view(m_bytes).substr(m_at, end - m_at);
    m_at = end + 1;
    if (found.ends_with('\r')) found.remove_suffix(1);
    return found;
}

void EventLines::take(std::string_view line) {
    const auto colon = line.find(':');
    const auto name = line.substr(0, colon);
    auto value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (name == "data" || name == "error") { // "error" as older builds of llama-server name it
        if (m_has_data) m_data += '\n';
        m_data += value;
        m_has_data = true;
    } else if (!name.empty() && name != "event" && name != "id" && name != "retry") {
        m_broken = true;
    }
}

} // namespace odysseus::proxy
