#include "line_splitter.hpp"

#include <algorithm>

namespace odysseus::server {
namespace {

constexpr std::string_view k_replacement = "\xEF\xBF\xBD"; // U+FFFD

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// How many bytes of `text` are one well-formed UTF-8 sequence (RFC 3629); 0: none.
std::size_t sequence_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return 0;
    }
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    if (first == 0xED && byte(1) > 0x9F) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) > 0x8F) return 0;
    return length;
}

// The length of a terminal's colour sequence at the beginning of `text`: ESC [ ... letter.
std::size_t colour_length(std::string_view text) {
    if (text.size() < 2 || text[0] != '\x1b' || text[1] != '[') return 0;
    std::size_t at = 2;
    while (at < text.size() && (is_digit(text[at]) || text[at] == ';'))
        ++at;
    return at < text.size() ? at + 1 : 0;
}

} // namespace

std::string readable(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size());
    while (!bytes.empty()) {
        std::size_t used = 1;
        if (const auto colour = colour_length(bytes)) {
            used = colour;
        } else if (const auto length = sequence_length(bytes)) {
            const auto byte = static_cast<unsigned char>(bytes[0]);
            const bool shown = byte == '\t' || (byte >= 0x20 && byte != 0x7F);
            out += shown ? bytes.substr(0, length) : k_replacement;
            used = length;
        } else {
            out += k_replacement;
        }
        bytes.remove_prefix(used);
    }
    return out;
}

std::vector<std::string> LineSplitter::feed(std::string_view bytes) {
    std::vector<std::string> lines;
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        const auto part = bytes.substr(0, end);
        const auto room = k_line_bytes_max - m_line.size();
        m_line += part.substr(0, room);
        m_cut = m_cut || part.size() > room;
        if (end == std::string_view::npos) break;
        lines.push_back(*rest());
        bytes.remove_prefix(end + 1);
    }
    return lines;
}

std::optional<std::string> LineSplitter::rest() {
    if (!m_line.empty() && m_line.back() == '\r') m_line.pop_back();
    auto line = readable(m_line);
    if (m_cut) line += " ...";
    m_line.clear();
    m_cut = false;
    return line;
}

} // namespace odysseus::server
