#include "odysseus/base/visible.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace odysseus {
namespace {

struct Character {
    std::uint32_t code = 0;
    std::size_t bytes = 0; // 0: no UTF-8
};

Character first_of(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const auto lead = byte(0);
    if (lead < 0x80) return {lead, 1};
    const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4) return {};
    std::uint32_t code = lead & (0xFFU >> (bytes + 1));
    for (std::size_t i = 1; i < bytes; ++i) {
        if ((byte(i) & 0xC0U) != 0x80) return {};
        code = (code << 6U) | (byte(i) & 0x3FU);
    }
    const bool overlong = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (overlong || surrogate || code > 0x10FFFF) return {};
    return {code, bytes};
}

bool steers(std::uint32_t code, bool one_line) {
    if (code == '\n' || code == '\t') return one_line;
    return code < 0x20 || (code >= 0x7F && code <= 0x9F) || code == 0x2028 || code == 0x2029 ||
           (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

bool is_plain(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte >= 0x20 && byte < 0x7F;
    });
}

std::string escaped(std::string_view text, bool one_line) {
    if (is_plain(text)) return std::string(text);
    static constexpr char k_hex[] = "0123456789abcdef";
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const auto [code, bytes] = first_of(text.substr(at));
        if (bytes == 0) {
            out += "\xEF\xBF\xBD";
            ++at;
            continue;
        }
        if (steers(code, one_line)) {
            out += "\\u";
            for (int shift = 12; shift >= 0; shift -= 4)
                out += k_hex[(code >> static_cast<unsigned>(shift)) & 15U];
        } else {
            out += text.substr(at, bytes);
        }
        at += bytes;
    }
    return out;
}

} // namespace

std::string visible(std::string_view text) {
    return escaped(text, false);
}

std::string visible_line(std::string_view text) {
    return escaped(text, true);
}

} // namespace odysseus
