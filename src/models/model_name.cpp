#include "model_name.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <array>

namespace odysseus::models {

namespace {

constexpr std::string_view k_suffix = ".gguf";

[[nodiscard]] bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

[[nodiscard]] bool is_quant(std::string_view word) {
    constexpr std::array<std::string_view, 9> k_plain{"f16", "bf16",  "f32",   "fp16",     "fp32",
                                                      "fp8", "mxfp4", "nvfp4", "mxfp4_moe"};
    const auto low = lowered(word);
    if (std::find(k_plain.begin(), k_plain.end(), low) != k_plain.end()) return true;
    const std::size_t at = low.starts_with("iq") || low.starts_with("tq") ? 2 : 1;
    if (at == 1 && !low.starts_with("q")) return false;
    // "q4", "q4_k_m", "iq3_xxs", but not "q4all" or "qwen3"
    return low.size() > at && low[at] >= '1' && low[at] <= '8' &&
           (low.size() == at + 1 || low[at + 1] == '_');
}

// "7b", "1.5B", "270m", "8x7b"
[[nodiscard]] bool is_size(std::string_view word) {
    if (word.size() < 2 || !is_digit(word.front())) return false;
    const char unit = lowered(word.substr(word.size() - 1))[0];
    if (unit != 'b' && unit != 'm') return false;
    return word.substr(0, word.size() - 1).find_first_not_of("0123456789.x") ==
           std::string_view::npos;
}

[[nodiscard]] std::optional<int> five_digits(std::string_view text) {
    if (text.size() != 5 || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
    return static_cast<int>(*parsed_int(text));
}

} // namespace

std::optional<ShardName> shard_name(std::string_view stem) {
    constexpr std::size_t k_tail = std::string_view("-00001-of-00003").size();
    if (stem.size() <= k_tail) return std::nullopt;
    const auto tail = stem.substr(stem.size() - k_tail);
    const auto number = five_digits(tail.substr(1, 5));
    const auto count = five_digits(tail.substr(10));
    if (tail[0] != '-' || tail.substr(6, 4) != "-of-" || !number || !count) return std::nullopt;
    if (*number < 1 || *count < 1 || *number > *count) return std::nullopt;
    return ShardName{std::string(stem.substr(0, stem.size() - k_tail)), *number, *count};
}

std::optional<std::string> gguf_stem(std::string_view file_name) {
    if (!lowered(file_name).ends_with(k_suffix) || file_name.starts_with('.')) return std::nullopt;
    if (file_name.size() == k_suffix.size()) return std::nullopt;
    return std::string(file_name.substr(0, file_name.size() - k_suffix.size()));
}

bool is_mmproj_name(std::string_view file_name) {
    return lowered(file_name).find("mmproj") != std::string::npos;
}

QuantName quant_name(std::string_view stem) {
    const auto cut = stem.find_last_of("-.");
    if (cut == std::string_view::npos || cut == 0 || !is_quant(stem.substr(cut + 1))) {
        return {std::string(stem), std::nullopt};
    }
    auto base = stem.substr(0, cut);
    auto quant_at = cut + 1;
    for (const std::string_view dynamic : {"-ud", ".ud"}) {
        if (lowered(base).ends_with(dynamic) && base.size() > dynamic.size()) {
            base.remove_suffix(dynamic.size());
            quant_at = base.size() + 1;
        }
    }
    return {std::string(base), std::string(stem.substr(quant_at))};
}

std::string dashed_name(std::string_view base) {
    std::string name;
    for (const char c : lowered(base)) {
        const bool plain = static_cast<unsigned char>(c) >= 0x80 || is_digit(c) ||
                           (c >= 'a' && c <= 'z') || c == '.' || c == '_';
        if (plain) {
            name += c;
        } else if (!name.empty() && name.back() != '-') {
            name += '-';
        }
    }
    while (!name.empty() && name.back() == '-')
        name.pop_back();
    return name;
}

std::optional<std::string> family_name(std::string_view base) {
    for (std::size_t start = 0; start < base.size();) {
        const auto end = std::min(base.find_first_of("-_", start), base.size());
        if (start > 0 && is_size(base.substr(start, end - start))) {
            return std::string(base.substr(0, end));
        }
        start = end + 1;
    }
    return std::nullopt;
}

std::string without_gguf_ending(std::string_view repo) {
    const auto low = lowered(repo);
    for (const std::string_view ending : {"-gguf", "_gguf", ".gguf"}) {
        if (low.ends_with(ending) && low.size() > ending.size()) {
            return std::string(repo.substr(0, repo.size() - ending.size()));
        }
    }
    return std::string(repo);
}

std::optional<CachedRepo> cached_repo(std::string_view path) {
    const auto parts = split(path, '/');
    for (std::size_t i = 0; i + 3 < parts.size(); ++i) {
        constexpr std::string_view k_mark = "models--";
        if (!parts[i].starts_with(k_mark) || parts[i + 1] != "snapshots") continue;
        const auto names = parts[i].substr(k_mark.size());
        const auto between = names.find("--");
        if (between == std::string_view::npos || between == 0) return std::nullopt;
        const auto repo = names.substr(between + 2);
        if (repo.empty()) return std::nullopt;
        return CachedRepo{std::string(names.substr(0, between)), std::string(repo),
                          std::string(parts[i + 2])};
    }
    return std::nullopt;
}

} // namespace odysseus::models
