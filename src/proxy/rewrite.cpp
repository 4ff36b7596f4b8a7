#include "rewrite.hpp"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

namespace odysseus::proxy {
namespace {

constexpr std::string_view k_byte_order_mark = "\xEF\xBB\xBF";
// "stream" with every letter as \u00XX: no longer spelling of a key can mean one of ours.
constexpr std::size_t k_key_bytes_max = std::size_t{6} * 6 + 2;

bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_scalar_byte(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.' ||
           c == 'E';
}

// RFC 8259, section 6.
bool is_number(std::string_view text) {
    std::size_t i = 0;
    const auto digits = [&] {
        const auto first = i;
        while (i < text.size() && text[i] >= '0' && text[i] <= '9')
            ++i;
        return i - first;
    };
    if (i < text.size() && text[i] == '-') ++i;
    const auto first = i;
    const auto count = digits();
    if (count == 0 || (count > 1 && text[first] == '0')) return false;
    if (i < text.size() && text[i] == '.') {
        ++i;
        if (digits() == 0) return false;
    }
    if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
        ++i;
        if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
        if (digits() == 0) return false;
    }
    return i == text.size();
}

bool is_scalar(std::string_view text) {
    return text == "true" || text == "false" || text == "null" || is_number(text);
}

std::size_t find_byte(std::string_view body, std::size_t from, std::size_t to, char byte) {
    if (from >= to) return to;
    const auto* found = std::memchr(body.data() + from, byte, to - from);
    return found ? static_cast<std::size_t>(static_cast<const char*>(found) - body.data()) : to;
}

} // namespace

void JsonScanner::open(bool object) {
    if (m_depth == k_depth_max) {
        m_expect = Expect::broken;
        return;
    }
    m_is_object[m_depth++] = object;
    m_expect = object ? Expect::first_key_or_end : Expect::first_value_or_end;
}

void JsonScanner::close() {
    --m_depth;
    value_ends();
}

void JsonScanner::key_ends(std::string_view raw) {
    m_expect = Expect::colon;
    m_member = Member::other;
    if (m_depth != 1 || raw.size() > k_key_bytes_max) return;
    const bool escaped = raw.find('\\') != std::string_view::npos;
    const auto text =
        escaped ? json_string_text(raw).value_or("") : std::string(raw.substr(1, raw.size() - 2));
    if (text == "model") {
        m_member = Member::model;
        m_facts.has_model = true;
        m_facts.model.reset();
    } else if (text == "stream") {
        m_member = Member::stream;
        m_facts.stream = false;
    }
}

void JsonScanner::value_ends() {
    m_expect = m_depth == 0 ? Expect::nothing : Expect::comma_or_end;
    if (m_depth == 1) m_member = Member::other;
}

// Inside a string, behind its quote or behind an escape. False: more bytes are needed.
// No quote lies in [m_at, m_quote_at), so that each byte is searched for one only once.
bool JsonScanner::scan_string(std::string_view body) {
    m_quote_at = std::max(m_quote_at, m_at);
    if (m_quote_at < body.size() && body[m_quote_at] != '"')
        m_quote_at = find_byte(body, m_quote_at, body.size(), '"');
    m_at = find_byte(body, m_at, m_quote_at, '\\');
    if (m_at < m_quote_at) return scan_escape(body);
    if (m_quote_at == body.size()) return false;
    ++m_at;
    m_in_string = false;
    if (m_in_key) {
        key_ends(body.substr(m_token, m_at - m_token));
    } else {
        if (m_depth == 1 && m_member == Member::model) m_facts.model = ByteRange{m_token, m_at};
        value_ends();
    }
    return true;
}

// At a backslash.
bool JsonScanner::scan_escape(std::string_view body) {
    if (m_at + 1 >= body.size()) return false;
    const char kind = body[m_at + 1];
    std::size_t length = 2;
    if (kind == 'u') {
        length = 6;
        if (m_at + length > body.size()) return false;
        for (std::size_t i = 2; i < length; ++i) {
            if (!is_hex(body[m_at + i])) m_expect = Expect::broken;
        }
    } else if (std::strchr("\"\\/bfnrt", kind) == nullptr || kind == '\0') {
        m_expect = Expect::broken;
    }
    m_at += length;
    return m_expect != Expect::broken;
}

// A number, true, false or null, from its first byte on; it ends where another byte follows.
bool JsonScanner::scan_scalar(std::string_view body, bool complete) {
    auto end = m_at;
    while (end < body.size() && is_scalar_byte(body[end]))
        ++end;
    if (end == body.size() && !complete) return false;
    const auto text = body.substr(m_at, end - m_at);
    if (!is_scalar(text)) {
        m_expect = Expect::broken;
        return false;
    }
    if (m_depth == 1 && m_member == Member::stream) m_facts.stream = text == "true";
    if (m_depth == 1 && m_member == Member::model && text == "null")
        m_facts.model = ByteRange{m_at, end};
    m_at = end;
    value_ends();
    return true;
}

void JsonScanner::structural(char c) {
    const bool in_object = m_depth > 0 && m_is_object[m_depth - 1];
    switch (m_expect) {
    case Expect::colon: m_expect = c == ':' ? Expect::value : Expect::broken; return;
    case Expect::comma_or_end:
        if (c == ',') {
            m_expect = in_object ? Expect::key : Expect::value;
        } else if (c == (in_object ? '}' : ']')) {
            close();
        } else {
            m_expect = Expect::broken;
        }
        return;
    case Expect::first_key_or_end:
        if (c == '}') {
            if (m_depth == 1) m_facts.empty_object = true;
            close();
        } else {
            m_expect = Expect::broken;
        }
        return;
    case Expect::first_value_or_end:
        if (c == ']') {
            close();
            return;
        }
        [[fallthrough]];
    case Expect::value:
        if (c == '{' || c == '[') {
            open(c == '{');
        } else {
            m_expect = Expect::broken;
        }
        return;
    default: m_expect = Expect::broken; return;
    }
}

bool JsonScanner::scan_start(std::string_view body, bool complete) {
    if (body.substr(0, 1) == k_byte_order_mark.substr(0, 1)) {
        if (body.size() < k_byte_order_mark.size() && !complete) return false;
        if (body.substr(0, 3) == k_byte_order_mark) m_at = k_byte_order_mark.size();
    }
    while (m_at < body.size() && is_space(body[m_at]))
        ++m_at;
    if (m_at == body.size()) {
        m_at = 0;
        return false;
    }
    if (body[m_at] != '{') {
        m_expect = Expect::broken;
        return false;
    }
    m_facts.insert_at = ++m_at;
    open(true);
    return true;
}

// One token further. False: more bytes are needed, or nothing more is to be learnt.
bool JsonScanner::step(std::string_view body, bool complete) {
    if (m_expect == Expect::broken) return false;
    if (m_expect == Expect::start) return scan_start(body, complete);
    if (m_in_string) return scan_string(body);
    while (m_at < body.size() && is_space(body[m_at]))
        ++m_at;
    if (m_at == body.size()) return false;
    const char c = body[m_at];
    const bool key_next = m_expect == Expect::key || m_expect == Expect::first_key_or_end;
    const bool value_next = m_expect == Expect::value || m_expect == Expect::first_value_or_end;
    if (c == '"' && (key_next || value_next)) {
        m_in_string = true;
        m_in_key = key_next;
        m_token = m_at++;
        return true;
    }
    if (value_next && is_scalar_byte(c)) return scan_scalar(body, complete);
    structural(c);
    ++m_at;
    return m_expect != Expect::broken;
}

void JsonScanner::run(std::string_view body, bool complete) {
    while (step(body, complete)) {
    }
}

void JsonScanner::feed(std::string_view body_so_far) {
    run(body_so_far, false);
}

BodyFacts JsonScanner::finish(std::string_view body) {
    run(body, true);
    m_facts.json_object = m_expect == Expect::nothing && m_at == body.size();
    return m_facts;
}

std::optional<std::string> json_string_text(std::string_view quoted) {
    const auto value = nlohmann::json::parse(quoted, nullptr, false);
    if (!value.is_string()) return std::nullopt;
    return value.get<std::string>();
}

std::string json_quoted(std::string_view text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

ByteEdit model_edit(const BodyFacts& facts, std::string_view id) {
    if (facts.model) return {*facts.model, json_quoted(id)};
    auto member = "\"model\":" + json_quoted(id);
    if (!facts.empty_object) member += ',';
    return {{facts.insert_at, facts.insert_at}, std::move(member)};
}

std::string edited(std::string_view body, const ByteEdit& edit) {
    std::string out(body.substr(0, edit.range.begin));
    out += edit.text;
    out += body.substr(edit.range.end);
    return out;
}

} // namespace odysseus::proxy
