#include "redact.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <array>

namespace odysseus::commands {
namespace {

constexpr std::string_view k_mask = "[removed]";
constexpr std::size_t k_secret_bytes_min = 4; // shorter ones would take half the text along

bool is_word(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_token_char(char c) {
    return is_word(c) || c == '-' || c == '.' || c == '~' || c == '+' || c == '/' || c == '=';
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
        text.replace(at, what.size(), with);
}

// A word of `names` at `at` in the lowered line, not inside another word. Gives its length.
template <std::size_t N>
std::size_t word_at(const std::string& low, std::size_t at,
                    const std::array<std::string_view, N>& names) {
    if (at > 0 && is_word(low[at - 1]) && low[at - 1] != '_') return 0;
    for (const auto name : names) {
        if (low.compare(at, name.size(), name) != 0) continue;
        const auto end = at + name.size();
        if (end == low.size() || !is_word(low[end])) return name.size();
    }
    return 0;
}

// Everything from the first word about what was said on.
bool drop_conversation(std::string& line) {
    constexpr std::array<std::string_view, 14> k_said{
        "prompt", "prompts",  "messages", "message", "content", "contents",   "input",
        "inputs", "response", "text",     "query",   "delta",   "completion", "generated"};
    const auto low = lowered(line);
    for (std::size_t at = 0; at < low.size(); ++at) {
        const auto length = word_at(low, at, k_said);
        if (length == 0) continue;
        auto end = at + length;
        // Only where a value follows: "prompt eval time = 5 ms" tells nothing about the prompt.
        while (end < low.size() && (low[end] == '"' || low[end] == '\\' || low[end] == ' '))
            ++end;
        if (end >= low.size() || (low[end] != ':' && low[end] != '=')) continue;
        line.erase(end + 1);
        line += concat(" ", k_mask);
        return true;
    }
    return false;
}

// How a line of a log begins: "[33583] 0.00.021.556 I ...", "12:31:00.123 ...", JSON, or a name
// with a colon, as the GPU libraries write. What people write may begin so too, but rarely.
bool begins_a_record(std::string_view line) {
    const auto text = trimmed(line);
    if (text.empty()) return false;
    const char first = text.front();
    if ((first >= '0' && first <= '9') || first == '[' || first == '{' || first == '}' ||
        first == '"' || first == ']') {
        return true;
    }
    const auto word = text.substr(0, std::min(text.find_first_of(": "), text.size()));
    return word.find('_') != std::string_view::npos && word.size() < text.size();
}

// llama-server logs its arguments one a line: the value stands on the line after its flag.
bool ends_in_secret_flag(std::string_view line) {
    const auto text = trimmed(line);
    const auto word = lowered(text.substr(text.find_last_of(' ') + 1));
    return word == "--api-key" || word == "--hf-token" || word == "-hft";
}

void drop_last_word(std::string& line) {
    const auto end = line.find_last_not_of(" \r");
    if (end == std::string::npos) return;
    line.replace(line.find_last_of(' ', end) + 1, std::string::npos, k_mask);
}

// "api_key": "x", Authorization: Bearer x, --api-key x, token=x
void drop_named_values(std::string& line) {
    constexpr std::array<std::string_view, 19> k_names{"authorization", "proxy-authorization",
                                                       "cookie",        "set-cookie",
                                                       "x-api-key",     "api-key",
                                                       "api_key",       "api_keys",
                                                       "apikey",        "bearer",
                                                       "basic",         "token",
                                                       "hf_token",      "github_token",
                                                       "gh_token",      "access_token",
                                                       "password",      "passwd",
                                                       "secret"};
    auto low = lowered(line);
    for (std::size_t at = 0; at < low.size(); ++at) {
        const auto length = word_at(low, at, k_names);
        if (length == 0) continue;
        auto begin = at + length;
        const auto separator = begin;
        while (begin < low.size() &&
               std::string_view("\"': =\\[").find(low[begin]) != std::string_view::npos) {
            ++begin;
        }
        if (begin == separator || begin == low.size()) continue;
        // "token count" is no token: without a sign between, only a flag and "Bearer" have a value.
        const bool spaces = low.find_first_not_of(' ', separator) == begin;
        const bool flag = at >= 2 && low.compare(at - 2, 2, "--") == 0;
        if (spaces && !flag && low.compare(at, length, "bearer") != 0) continue;
        // A header's value is the rest of the line; else it is one word.
        const bool header = low[separator] == ':' || low.compare(at, 13, "authorization") == 0;
        auto end = begin;
        while (end < low.size() && (header || is_token_char(low[end])))
            ++end;
        if (end == begin) continue;
        line.replace(begin, end - begin, k_mask);
        low = lowered(line);
        at = begin + k_mask.size();
    }
}

void drop_token_words(std::string& line) {
    constexpr std::array<std::string_view, 10> k_starts{
        "hf_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "sk-", "xoxb-", "eyj"};
    constexpr std::size_t k_token_bytes_min = 16;
    const auto low = lowered(line);
    std::string out;
    for (std::size_t at = 0; at < line.size();) {
        const bool start = at == 0 || !is_word(line[at - 1]);
        const bool known = start && std::any_of(k_starts.begin(), k_starts.end(), [&](auto name) {
                               return low.compare(at, name.size(), name) == 0;
                           });
        auto end = at;
        while (known && end < line.size() && is_token_char(line[end]))
            ++end;
        if (known && end - at >= k_token_bytes_min) {
            out += k_mask;
            at = end;
        } else {
            out += line[at++];
        }
    }
    line = std::move(out);
}

// scheme://user:password@host/path?query
void drop_from_addresses(std::string& line) {
    for (std::size_t at = 0; (at = line.find("://", at)) != std::string::npos; at += 3) {
        const auto begin = at + 3;
        const auto end = std::min(line.find_first_of(" \t\"'<>,;)", begin), line.size());
        const auto path = std::min(line.find('/', begin), end);
        if (const auto query = line.find('?', begin); query < end) {
            line.replace(query + 1, end - query - 1, k_mask);
        }
        if (const auto user = line.rfind('@', path); user != std::string::npos && user >= begin) {
            line.replace(begin, user - begin, k_mask);
        }
    }
}

} // namespace

std::string redacted(std::string_view text, const RedactRules& rules) {
    auto secrets = rules.secrets;
    std::sort(secrets.begin(), secrets.end(), // one may be the beginning of another
              [](const auto& a, const auto& b) { return a.size() > b.size(); });
    std::string out;
    bool in_conversation = rules.begins_inside; // what was said may go over several lines
    bool secret_next = false;
    for (const auto raw : lines_of(text)) {
        std::string line(raw);
        if (in_conversation && !begins_a_record(line)) continue;
        if (secret_next) drop_last_word(line);
        secret_next = ends_in_secret_flag(line);
        for (const auto& secret : secrets) {
            if (secret.size() >= k_secret_bytes_min) replace_all(line, secret, k_mask);
        }
        in_conversation = drop_conversation(line);
        drop_named_values(line);
        drop_token_words(line);
        drop_from_addresses(line);
        if (rules.home_folder.size() > 1) replace_all(line, rules.home_folder, "~");
        out += line;
        out += '\n';
    }
    return out;
}

} // namespace odysseus::commands
