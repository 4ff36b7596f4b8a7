#include "odysseus/proxy/http_head.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace odysseus::proxy {
namespace {

constexpr std::array<std::string_view, 7> k_methods = {"GET",   "HEAD",   "POST",   "PUT",
                                                       "PATCH", "DELETE", "OPTIONS"};

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// RFC 9110, section 5.6.2.
bool is_token(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    });
}

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

bool is_clean_value(std::string_view text) {
    return std::none_of(text.begin(), text.end(),
                        [](char c) { return is_control(c) && c != '\t'; });
}

// Of ASCII alone (RFC 3986): other bytes would have to be percent-encoded.
bool is_clean_target(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](char c) {
        return is_control(c) || static_cast<unsigned char>(c) >= 0x80 || c == ' ' || c == '#';
    });
}

// A host with an optional port, as a Host line holds it; no user information, no path.
bool is_host(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](char c) {
        return is_control(c) ||
               std::string_view(" /\\@#?,\"<>{}|^`").find(c) != std::string_view::npos;
    });
}

std::string_view spaces_off(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

std::optional<std::uint64_t> decimal(std::string_view text) {
    std::uint64_t value = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
    return value;
}

// Takes the line up to the next CRLF off the front of `rest`, which ends with one.
std::string_view take_line(std::string_view& rest) {
    const auto end = rest.find("\r\n");
    const auto line = rest.substr(0, end);
    rest.remove_prefix(std::min(rest.size(), line.size() + 2));
    return line;
}

// The lines up to the empty one. A string says what is wrong with them.
std::optional<Refusal> read_lines(std::string_view rest, HeaderLines& lines) {
    lines.reserve(16);
    while (true) {
        const auto line = take_line(rest);
        if (line.empty()) return std::nullopt;
        if (lines.size() == k_header_lines_max)
            return Refusal{431, concat("More than ", k_header_lines_max, " header lines.")};
        if (line.front() == ' ' || line.front() == '\t')
            return Refusal{400, "A header line is folded; that form is obsolete."};
        const auto colon = line.find(':');
        if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
            return Refusal{400, "A header line has no proper name before its colon."};
        const auto value = spaces_off(line.substr(colon + 1));
        if (!is_clean_value(value))
            return Refusal{400, "A header's value holds a control character."};
        lines.push_back({line.substr(0, colon), value});
    }
}

// What the lines say about the message's length; a second opinion of any kind is refused.
std::optional<Refusal> read_framing(const HeaderLines& lines, bool http_1_1, Framing& framing,
                                    std::uint64_t& content_length) {
    bool length = false;
    bool encoded = false;
    for (const auto& line : lines) {
        if (same_name(line.name, "content-length")) {
            if (length) return Refusal{400, "Content-Length is given more than once."};
            const auto value = decimal(line.value);
            if (!value) return Refusal{400, "Content-Length is not a number."};
            content_length = *value;
            length = true;
        } else if (same_name(line.name, "transfer-encoding")) {
            if (encoded) return Refusal{400, "Transfer-Encoding is given more than once."};
            if (!same_name(line.value, "chunked"))
                return Refusal{501, "The only Transfer-Encoding understood is chunked."};
            encoded = true;
        }
    }
    if (encoded && length)
        return Refusal{400, "Transfer-Encoding and Content-Length are given together."};
    if (encoded && !http_1_1) return Refusal{400, "Transfer-Encoding is not part of HTTP/1.0."};
    if (encoded) framing = Framing::chunked;
    if (length) framing = Framing::length;
    return std::nullopt;
}

std::optional<Refusal> read_host(RequestHead& head) {
    bool seen = false;
    for (const auto& line : head.headers) {
        if (!same_name(line.name, "host")) continue;
        if (seen) return Refusal{400, "Host is given more than once."};
        if (!is_host(line.value)) return Refusal{400, "Host is not a host."};
        seen = true;
        if (head.host.empty()) head.host = line.value; // an absolute target's host wins
    }
    if (!seen && head.http_1_1) return Refusal{400, "HTTP/1.1 needs a Host line."};
    return std::nullopt;
}

std::optional<Refusal> read_target(std::string_view target, RequestHead& head) {
    if (target.size() > k_target_bytes_max) return Refusal{414, "The target is too long."};
    if (!is_clean_target(target))
        return Refusal{400, "The target holds a character that must be encoded."};
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!same_name(target.substr(0, scheme.size()), scheme)) continue;
        target.remove_prefix(scheme.size());
        head.host = target.substr(0, target.find_first_of("/?"));
        if (head.host.empty() || !is_host(head.host))
            return Refusal{400, "The target names no proper host."};
        target.remove_prefix(head.host.size());
        if (target.empty()) target = "/";
        break;
    }
    const bool asterisk = target == "*" && head.method == "OPTIONS";
    if (!asterisk && target.substr(0, 1) != "/")
        return Refusal{400, "The target does not begin with a slash."};
    const auto mark = target.find('?');
    head.path = target.substr(0, mark);
    head.has_query = mark != std::string_view::npos;
    if (head.has_query) head.query = target.substr(mark + 1);
    return std::nullopt;
}

std::optional<Refusal> read_request_line(std::string_view line, RequestHead& head) {
    const auto first = line.find(' ');
    const auto second = line.find(' ', first == std::string_view::npos ? first : first + 1);
    if (second == std::string_view::npos || line.find(' ', second + 1) != std::string_view::npos)
        return Refusal{400, "The request line is not `METHOD target HTTP/1.1`."};
    head.method = line.substr(0, first);
    const auto version = line.substr(second + 1);
    if (!is_token(head.method)) return Refusal{400, "The method is not a word."};
    if (version.size() != 8 || version.substr(0, 5) != "HTTP/" || version[6] != '.' ||
        version[5] < '0' || version[5] > '9' || version[7] < '0' || version[7] > '9')
        return Refusal{400, "The request line does not end with an HTTP version."};
    if (version[5] != '1') return Refusal{505, "Only HTTP/1.1 and HTTP/1.0 are understood."};
    head.http_1_1 = version[7] != '0';
    if (std::find(k_methods.begin(), k_methods.end(), head.method) == k_methods.end())
        return Refusal{501, "This method is not supported."};
    return read_target(line.substr(first + 1, second - first - 1), head);
}

} // namespace

std::optional<std::string_view> header(const HeaderLines& lines, std::string_view name) {
    for (const auto& line : lines) {
        if (same_name(line.name, name)) return line.value;
    }
    return std::nullopt;
}

bool list_has(std::string_view list, std::string_view word) {
    for (const auto entry : split(list, ',')) {
        if (same_name(spaces_off(entry), word)) return true;
    }
    return false;
}

std::variant<HeadPending, HeadEnd, Refusal> find_head(std::string_view bytes) {
    std::size_t begin = 0;
    while (begin < 4 && bytes.substr(begin, 2) == "\r\n") // RFC 9112, section 2.2
        begin += 2;
    if (begin < bytes.size() && bytes[begin] != '\r' &&
        (bytes[begin] < 'A' || bytes[begin] > 'Z')) {
        return Refusal{400, "This is not HTTP/1 (is it HTTPS?)."};
    }
    for (auto at = begin; at < bytes.size();) {
        const auto newline = bytes.find('\n', at);
        if (newline == std::string_view::npos) break;
        if (newline == 0 || bytes[newline - 1] != '\r')
            return Refusal{400, "A line ends without a carriage return."};
        if (newline == at + 1 && at > begin) {
            if (newline + 1 - begin > k_head_bytes_max)
                return Refusal{431, "The header lines are too long."};
            return HeadEnd{begin, newline + 1};
        }
        if (newline == at + 1) return Refusal{400, "The request line is empty."};
        at = newline + 1;
    }
    if (bytes.size() - begin > k_head_bytes_max)
        return bytes.find('\n', begin) == std::string_view::npos
                   ? Refusal{414, "The request line is too long."}
                   : Refusal{431, "The header lines are too long."};
    return HeadPending{};
}

std::variant<RequestHead, Refusal> parse_request_head(std::string_view bytes) {
    RequestHead head;
    auto rest = bytes;
    if (auto refusal = read_request_line(take_line(rest), head)) return *refusal;
    if (auto refusal = read_lines(rest, head.headers)) return *refusal;
    if (auto refusal = read_framing(head.headers, head.http_1_1, head.framing, head.content_length))
        return *refusal;
    if (auto refusal = read_host(head)) return *refusal;
    head.keep_alive = head.http_1_1;
    for (const auto& line : head.headers) {
        if (same_name(line.name, "connection")) {
            if (list_has(line.value, "close")) head.keep_alive = false;
            if (!head.http_1_1 && list_has(line.value, "keep-alive")) head.keep_alive = true;
        } else if (same_name(line.name, "expect")) {
            if (!same_name(line.value, "100-continue"))
                return Refusal{417, "The only expectation understood is 100-continue."};
            head.expects_continue = head.http_1_1;
        }
    }
    return head;
}

std::optional<ResponseHead> parse_response_head(std::string_view bytes, bool to_head) {
    ResponseHead head;
    auto rest = bytes;
    const auto line = take_line(rest);
    if (line.size() < 12 || line.substr(0, 7) != "HTTP/1." || line[8] != ' ') return std::nullopt;
    const auto status = decimal(line.substr(9, 3));
    if (!status || *status < 100 || *status > 599) return std::nullopt;
    if (line.size() > 12 && line[12] != ' ') return std::nullopt;
    head.status = static_cast<int>(*status);
    if (line.size() > 13) head.reason = line.substr(13);
    if (!is_clean_value(head.reason) || read_lines(rest, head.headers)) return std::nullopt;
    const bool http_1_1 = line[7] != '0';
    head.framing = Framing::until_close;
    if (read_framing(head.headers, http_1_1, head.framing, head.content_length))
        return std::nullopt;
    if (to_head || head.status < 200 || head.status == 204 || head.status == 304)
        head.framing = Framing::none;
    const auto connection = header(head.headers, "connection").value_or("");
    head.keep_alive =
        head.framing != Framing::until_close &&
        (http_1_1 ? !list_has(connection, "close") : list_has(connection, "keep-alive"));
    return head;
}

void ChunkWalker::take_size_line(char c) {
    if (++m_line_bytes > k_chunk_line_bytes_max) {
        m_state = State::broken;
    } else if (m_carriage_return) {
        if (c != '\n' || m_digits == 0) {
            m_state = State::broken;
            return;
        }
        m_part = m_left > 0 ? Part::content : Part::trailer;
        m_carriage_return = m_in_extension = false;
        m_digits = 0;
        m_line_bytes = 0;
    } else if (c == '\r') {
        m_carriage_return = true;
    } else if (m_in_extension) {
        if (is_control(c) && c != '\t') m_state = State::broken;
    } else if (c == ';' && m_digits > 0) {
        m_in_extension = true;
    } else {
        const auto digit = lower(c) >= 'a' && lower(c) <= 'f' ? lower(c) - 'a' + 10
                           : c >= '0' && c <= '9'             ? c - '0'
                                                              : -1;
        constexpr int k_digits_max = 15; // below 2^60: no sum overflows
        if (digit < 0 || ++m_digits > k_digits_max) {
            m_state = State::broken;
            return;
        }
        m_left = m_left * 16 + static_cast<std::uint64_t>(digit);
    }
}

void ChunkWalker::take_content_end(char c) {
    if (c == '\r' && !m_carriage_return) {
        m_carriage_return = true;
    } else if (c == '\n' && m_carriage_return) {
        m_carriage_return = false;
        m_part = Part::size;
    } else {
        m_state = State::broken;
    }
}

// Trailer lines are passed over; an empty one ends the message.
void ChunkWalker::take_trailer(char c) {
    const bool bare_line_feed = c == '\n' && !m_carriage_return;
    const bool bare_return = c != '\n' && m_carriage_return;
    if (++m_trailer_bytes > k_trailer_bytes_max || bare_line_feed || bare_return) {
        m_state = State::broken;
    } else if (m_carriage_return) {
        if (m_line_bytes == 0) m_state = State::done;
        m_carriage_return = false;
        m_line_bytes = 0;
    } else if (c == '\r') {
        m_carriage_return = true;
    } else {
        ++m_line_bytes;
    }
}

std::string_view ChunkWalker::next(std::string_view& bytes) {
    while (!bytes.empty() && m_state == State::more) {
        if (m_part == Part::content) {
            const auto piece =
                bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(
                                    m_left, static_cast<std::uint64_t>(bytes.size()))));
            bytes.remove_prefix(piece.size());
            m_left -= piece.size();
            if (m_left == 0) m_part = Part::content_end;
            return piece;
        }
        const char c = bytes.front();
        bytes.remove_prefix(1);
        if (m_part == Part::content_end) {
            take_content_end(c);
        } else if (m_part == Part::trailer) {
            take_trailer(c);
        } else {
            take_size_line(c);
        }
    }
    return {};
}

} // namespace odysseus::proxy
