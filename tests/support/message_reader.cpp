#include "message_reader.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace odysseus::test {
namespace {

constexpr std::size_t k_line_bytes_max = std::size_t{100} * 1024;
constexpr std::size_t k_shown_bytes_max = 2000;

std::uint64_t number(std::string_view text, int base, bool& right) {
    std::uint64_t value = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value, base);
    right = !text.empty() && error == std::errc() && stop == end;
    return value;
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

} // namespace

void MessageReader::refuse(const std::string& why) const {
    throw BadHttp(why + ", after: " + m_raw.substr(0, k_shown_bytes_max));
}

void MessageReader::feed(std::string_view& bytes) {
    while (!bytes.empty() && !whole()) {
        if (m_part == Part::content || m_part == Part::length || m_part == Part::to_end) {
            take_content(bytes);
            continue;
        }
        const auto newline = bytes.find('\n');
        const auto taken = newline == std::string_view::npos ? bytes : bytes.substr(0, newline + 1);
        m_raw += taken;
        m_line += taken;
        bytes.remove_prefix(taken.size());
        if (m_line.size() > k_line_bytes_max) refuse("a line without end");
        if (newline == std::string_view::npos) return;
        if (m_line.size() < 2 || m_line[m_line.size() - 2] != '\r')
            refuse("a line that ends without a carriage return: " + m_line);
        const auto line = m_line.substr(0, m_line.size() - 2);
        if (line.find('\r') != std::string::npos) refuse("a carriage return within a line");
        m_line.clear();
        take_line(line);
    }
}

void MessageReader::take_content(std::string_view& bytes) {
    const bool counted = m_part != Part::to_end;
    const auto room = counted
                          ? static_cast<std::size_t>(std::min<std::uint64_t>(m_left, bytes.size()))
                          : bytes.size();
    m_raw += bytes.substr(0, room);
    m_content += bytes.substr(0, room);
    bytes.remove_prefix(room);
    if (!counted) return;
    m_left -= room;
    if (m_left == 0) m_part = m_part == Part::length ? Part::done : Part::content_end;
}

void MessageReader::take_line(std::string_view line) {
    switch (m_part) {
    case Part::start: take_start(line); return;
    case Part::lines:
        if (line.empty()) {
            head_complete();
        } else {
            take_header(line);
        }
        return;
    case Part::size: take_size(line); return;
    case Part::content_end:
        if (!line.empty())
            refuse("a chunk that is longer than its size says: " + std::string(line));
        m_part = Part::size;
        return;
    case Part::trailer:
        if (line.empty())
            m_part = Part::done;
        else if (line.find(':') == std::string_view::npos)
            refuse("a trailer without a colon");
        return;
    default: return;
    }
}

void MessageReader::take_start(std::string_view line) {
    m_part = Part::lines;
    if (m_kind == MessageKind::request) {
        if (!line.ends_with(" HTTP/1.1") || std::count(line.begin(), line.end(), ' ') != 2)
            refuse("not a request line: " + std::string(line));
        return;
    }
    bool right = false;
    if (line.size() >= 12) m_status = static_cast<int>(number(line.substr(9, 3), 10, right));
    if (!right || line.substr(0, 9) != "HTTP/1.1 " || m_status < 100 || m_status > 599 ||
        (line.size() > 12 && line[12] != ' '))
        refuse("not a status line: " + std::string(line));
}

void MessageReader::take_header(std::string_view line) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 ||
        line.substr(0, colon).find_first_of(" \t") != std::string_view::npos)
        refuse("not a header line: " + std::string(line));
    const auto name = lower(line.substr(0, colon));
    const auto value = trimmed(line.substr(colon + 1));
    if (name == "content-length") {
        bool right = false;
        const auto length = number(value, 10, right);
        if (!right || m_has_length) refuse("a wrong Content-Length: " + std::string(line));
        m_has_length = true;
        m_left = length;
    } else if (name == "transfer-encoding") {
        if (lower(value) != "chunked" || m_chunked)
            refuse("a wrong Transfer-Encoding: " + std::string(line));
        m_chunked = true;
    }
}

void MessageReader::head_complete() {
    if (m_has_length && m_chunked) refuse("chunks and a Content-Length");
    const bool bodiless =
        m_kind == MessageKind::answer_to_head ||
        (m_kind == MessageKind::answer && (m_status < 200 || m_status == 204 || m_status == 304));
    if (bodiless) {
        m_part = Part::done;
    } else if (m_chunked) {
        m_part = Part::size;
    } else if (m_has_length) {
        m_part = m_left > 0 ? Part::length : Part::done;
    } else {
        m_part = m_kind == MessageKind::request ? Part::done : Part::to_end;
    }
}

void MessageReader::take_size(std::string_view line) {
    constexpr std::size_t k_digits_max = 15;
    const auto digits = line.substr(0, line.find(';'));
    bool right = false;
    m_left = number(digits, 16, right);
    if (!right || digits.size() > k_digits_max) refuse("not a chunk's size: " + std::string(line));
    m_part = m_left > 0 ? Part::content : Part::trailer;
}

void MessageReader::end() {
    if (m_part == Part::to_end) m_part = Part::done;
    if (!whole()) refuse("the connection ended within a message");
}

} // namespace odysseus::test
