// Small pure helpers over text that several decisions share.
#pragma once

#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus {

// Puts values one after the other, as an ostream writes them.
template <class... Values>
[[nodiscard]] std::string concat(const Values&... values) {
    std::ostringstream out;
    (out << ... << values);
    return out.str();
}

[[nodiscard]] std::string_view trimmed(std::string_view text);
[[nodiscard]] std::string lowered(std::string_view text); // ASCII only; other bytes stay
[[nodiscard]] bool same_name(std::string_view a, std::string_view b); // ASCII case ignored
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);
[[nodiscard]] std::vector<std::string_view> lines_of(std::string_view text); // "\n" and "\r\n"
// The value of the first line "KEY: value", both trimmed: /proc/meminfo, sysctl and their like.
[[nodiscard]] std::optional<std::string_view> value_of_key(std::string_view text,
                                                           std::string_view key);
[[nodiscard]] std::string joined(const std::vector<std::string>& parts, std::string_view between);

// The whole of `text` must be a decimal integer that fits; no sign but '-', no spaces.
[[nodiscard]] std::optional<std::int64_t> parsed_int(std::string_view text);
// The whole of `text` must be a finite decimal number with '.', whatever the locale.
[[nodiscard]] std::optional<double> parsed_number(std::string_view text);

// Well-formed UTF-8: no overlong form, no surrogate, nothing above U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text);

// "950 B", "16.2 MiB", "1.4 GiB".
[[nodiscard]] std::string byte_text(std::int64_t bytes);

// Up to `most` of the candidates that are near to `word` (edit distance, then order), for "did you
// mean".
[[nodiscard]] std::vector<std::string>
nearest(std::string_view word, const std::vector<std::string>& candidates, std::size_t most = 3);

} // namespace odysseus
