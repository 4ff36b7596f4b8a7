#include "request_line.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/base/visible.hpp"

#include <algorithm>
#include <cstdio>

namespace odysseus::proxy {
namespace {

constexpr std::size_t k_number_bytes_max = 24;
constexpr std::size_t k_model_bytes_max = 60;
constexpr int k_error = 400;

// The number behind the last "KEY": of JSON. In a string of JSON the quotes would be escaped.
std::optional<double> number_of(std::string_view json, std::string_view key) {
    const auto member = concat('"', key, "\":");
    const auto at = json.rfind(member);
    if (at == std::string_view::npos) return std::nullopt;
    const auto text = trimmed(json.substr(at + member.size(), k_number_bytes_max));
    return parsed_number(text.substr(0, text.find_first_not_of("0123456789.eE+-")));
}

std::string rounded(double value, int digits, const char* unit) {
    char text[32];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return concat(text, ' ', unit);
}

std::string time_text(double milliseconds) {
    if (milliseconds < 1000) return rounded(milliseconds, 0, "ms");
    const auto seconds = milliseconds / 1000;
    if (seconds < 60) return rounded(seconds, 1, "s");
    const auto whole = static_cast<std::int64_t>(seconds);
    return concat(whole / 60, " min ", whole % 60, " s");
}

std::string code_text(std::string code) {
    if (code == "model_not_found") return "unknown model";
    std::replace(code.begin(), code.end(), '_', ' ');
    return code;
}

// What there is to say beside the numbers; empty: nothing.
std::string remark(const RequestLine& line) {
    if (line.end == "llama-server left") return "the answer broke off";
    if (!line.end.empty() && line.end != "own answer") {
        constexpr std::string_view k_complete = "complete, ";
        const std::string_view end = line.end;
        return std::string(end.starts_with(k_complete) ? end.substr(k_complete.size()) : end);
    }
    if (!line.code.empty()) return code_text(line.code);
    return line.status >= k_error && line.end.empty() ? "llama-server's error" : std::string();
}

} // namespace

AnswerCount count_in(std::string_view tail) {
    AnswerCount count;
    auto tokens = number_of(tail, "predicted_n");
    for (const auto* key : {"completion_tokens", "output_tokens"}) {
        if (!tokens) tokens = number_of(tail, key);
    }
    constexpr double k_most = 1e12;
    if (tokens && *tokens >= 0 && *tokens < k_most) count.tokens = std::int64_t(*tokens);
    count.tokens_per_s = number_of(tail, "predicted_per_second");
    return count;
}

std::string request_words(const RequestLine& line) {
    const bool counted = line.count.tokens && *line.count.tokens > 0;
    std::string words = concat(line.status);
    const auto add = [&words](const std::string& word) { words += concat("  ", word); };
    const auto name = visible_line(line.model);
    if (!name.empty())
        add(name.size() > k_model_bytes_max ? concat(name.substr(0, k_model_bytes_max), "...")
                                            : name);
    if (!counted && (line.model.empty() || line.code.empty()))
        add(concat(line.method, " ", line.path));
    if (const auto more = remark(line); !more.empty()) add(more);
    if (counted) add(concat(*line.count.tokens, *line.count.tokens == 1 ? " token" : " tokens"));
    add(time_text(line.total_ms));
    if (counted && line.count.tokens_per_s && *line.count.tokens > 1)
        add(rounded(*line.count.tokens_per_s, *line.count.tokens_per_s < 10 ? 1 : 0, "tok/s"));
    return words;
}

} // namespace odysseus::proxy
