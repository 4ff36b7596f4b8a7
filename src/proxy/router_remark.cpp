#include "router_remark.hpp"

#include <algorithm>

namespace odysseus::proxy {
namespace {

constexpr std::string_view k_begins = "proxy error: ";

// "Failed to read connection", "Success (no error)"
bool is_reason(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == ' ' || c == '(' || c == ')';
    });
}

} // namespace

void RouterRemark::feed(std::string_view content) {
    if (content.size() >= k_router_remark_bytes_max) {
        m_tail = content.substr(content.size() - k_router_remark_bytes_max);
        return;
    }
    m_tail.append(content);
    if (m_tail.size() > k_router_remark_bytes_max) {
        m_tail.erase(0, m_tail.size() - k_router_remark_bytes_max);
    }
}

bool RouterRemark::at_end() const {
    return router_remark_bytes(m_tail) > 0;
}

std::size_t router_remark_bytes(std::string_view content) {
    if (content.empty() || !is_reason(content.substr(content.size() - 1)))
        return 0; // nearly always
    const auto tail =
        content.substr(content.size() - std::min(content.size(), k_router_remark_bytes_max));
    const auto at = tail.rfind(k_begins);
    if (at == std::string_view::npos || !is_reason(tail.substr(at + k_begins.size()))) return 0;
    return tail.size() - at;
}

bool is_router_remark(std::string_view content) {
    return content.size() <= k_router_remark_bytes_max && content.starts_with(k_begins) &&
           is_reason(content.substr(k_begins.size()));
}

} // namespace odysseus::proxy
