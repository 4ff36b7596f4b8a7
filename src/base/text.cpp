#include "odysseus/base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <locale>
#include <utility>

namespace odysseus {

namespace {

char lowered_letter(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

} // namespace

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n\f\v");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n\f\v") - first + 1);
}

std::string lowered(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), lowered_letter);
    return out;
}

bool same_name(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lowered_letter(x) == lowered_letter(y); });
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (std::size_t start = 0;;) {
        const auto end = text.find(separator, start);
        parts.push_back(text.substr(start, end - start));
        if (end == std::string_view::npos) return parts;
        start = end + 1;
    }
}

std::vector<std::string_view> lines_of(std::string_view text) {
    auto lines = split(text, '\n');
    if (lines.back().empty()) lines.pop_back();
    for (auto& line : lines) {
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    }
    return lines;
}

std::optional<std::string_view> value_of_key(std::string_view text, std::string_view key) {
    for (const auto line : lines_of(text)) {
        const auto colon = line.find(':');
        if (colon == std::string_view::npos || trimmed(line.substr(0, colon)) != key) continue;
        return trimmed(line.substr(colon + 1));
    }
    return std::nullopt;
}

std::string joined(const std::vector<std::string>& parts, std::string_view between) {
    std::string out;
    for (const auto& part : parts) {
        if (&part != &parts.front()) out += between;
        out += part;
    }
    return out;
}

std::optional<std::int64_t> parsed_int(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<double> parsed_number(std::string_view text) {
    if (text.empty() || text.find_first_not_of("0123456789.-+eE") != std::string_view::npos) {
        return std::nullopt;
    }
    std::istringstream in{std::string(text)};
    in.imbue(std::locale::classic());
    double value = 0;
    in >> value;
    if (in.fail() || !in.eof() || !std::isfinite(value)) return std::nullopt;
    return value;
}

bool is_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        const std::size_t more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
        if ((lead >= 0x80 && lead < 0xC2) || lead > 0xF4 || more >= text.size() - i) return false;
        for (std::size_t k = 1; k <= more; ++k) {
            if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return false;
        }
        const auto second = more > 0 ? static_cast<unsigned char>(text[i + 1]) : 0;
        if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
            (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
            return false;
        }
        i += more + 1;
    }
    return true;
}

std::string byte_text(std::int64_t bytes) {
    static constexpr const char* k_units[] = {"KiB", "MiB", "GiB", "TiB"};
    if (bytes < 1024) return concat(bytes, " B");
    double value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < std::size(k_units)) {
        value /= 1024;
        ++unit;
    }
    char text[32];
    std::snprintf(text, sizeof text, "%.1f %s", value, k_units[unit]);
    return text;
}

namespace {

constexpr std::size_t k_word_bytes_max = 64; // longer is no typing error

// Levenshtein's distance to one word from many others. A column of the table is one machine word
// (Myers 1999, Hyyrö 2003), so that another costs its length and no more: anybody can ask.
class EditDistance {
  public:
    // Of at most k_word_bytes_max bytes.
    explicit EditDistance(std::string_view word) : m_size(word.size()) {
        for (std::size_t i = 0; i < word.size(); ++i)
            m_places[static_cast<unsigned char>(word[i])] |= std::uint64_t{1} << i;
    }

    [[nodiscard]] std::size_t to(std::string_view other) const {
        if (m_size == 0) return other.size();
        const auto last = std::uint64_t{1} << (m_size - 1);
        std::uint64_t up = ~std::uint64_t{0}; // where the column grows by one, going down
        std::uint64_t down = 0;               // and where it shrinks
        auto distance = m_size;
        for (const char c : other) {
            const auto same = m_places[static_cast<unsigned char>(c)];
            const auto vertical = same | down;
            const auto horizontal = (((same & up) + up) ^ up) | same;
            auto right = down | ~(horizontal | up);
            auto left = up & horizontal;
            if ((right & last) != 0) ++distance;
            if ((left & last) != 0) --distance;
            right = (right << 1) | 1;
            left <<= 1;
            up = left | ~(vertical | right);
            down = right & vertical;
        }
        return distance;
    }

  private:
    std::size_t m_size;
    std::array<std::uint64_t, 256> m_places{};
};

} // namespace

std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates,
                                 std::size_t most) {
    const auto wanted = lowered(word.substr(0, k_word_bytes_max));
    const EditDistance distance_from(wanted);
    std::vector<std::pair<std::size_t, std::string>> ranked;
    for (const auto& candidate : candidates) {
        const auto known = lowered(std::string_view(candidate).substr(0, k_word_bytes_max));
        auto distance = distance_from.to(known);
        if (!wanted.empty() && known.find(wanted) != std::string::npos)
            distance = std::min<std::size_t>(distance, 1);
        if (distance <= std::max<std::size_t>(2, wanted.size() / 3))
            ranked.emplace_back(distance, candidate);
    }
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<std::string> names;
    for (auto& [distance, name] : ranked) {
        if (names.size() == most) break;
        names.push_back(std::move(name));
    }
    return names;
}

} // namespace odysseus
