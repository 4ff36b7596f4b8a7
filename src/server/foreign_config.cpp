#include "odysseus/server/foreign_config.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <array>

namespace odysseus::server {
namespace {

// Measured with b11669: no variable and no argument takes them back.
constexpr auto k_holding = std::to_array<std::string_view>({
    "embedding",
    "embeddings",
    "rerank",
    "reranking",
    "lora",
    "lora-scaled",
    "control-vector",
    "control-vector-scaled",
    "api-key-file",
    "log-disable",
    "list-devices",
    "cache-list",
    "help",
    "completion-bash",
});

// "LLAMA_ARG_EMBEDDINGS", "--embeddings" and "embeddings" are one.
std::string plain_key(std::string_view key) {
    constexpr std::string_view k_variable = "llama-arg-";
    auto plain = lowered(trimmed(key));
    std::replace(plain.begin(), plain.end(), '_', '-');
    if (plain.starts_with(k_variable)) plain.erase(0, k_variable.size());
    return plain.substr(std::min(plain.find_first_not_of('-'), plain.size()));
}

bool holds(std::string_view key) {
    return std::find(k_holding.begin(), k_holding.end(), key) != k_holding.end() ||
           (key.ends_with("-default") && key != "spec-default") || key.starts_with("fim-");
}

bool is_printable(std::string_view key) {
    return std::all_of(key.begin(), key.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
    });
}

} // namespace

std::vector<std::string> settings_that_hold(std::string_view config) {
    std::vector<std::string> found;
    for (const auto line : lines_of(config)) {
        const auto text = trimmed(line);
        if (text.empty() || text.front() == '#' || text.front() == ';' || text.front() == '[')
            continue;
        const auto key = plain_key(text.substr(0, text.find('=')));
        const bool is_new = std::find(found.begin(), found.end(), key) == found.end();
        if (is_new && holds(key) && is_printable(key)) found.push_back(key);
    }
    return found;
}

} // namespace odysseus::server
