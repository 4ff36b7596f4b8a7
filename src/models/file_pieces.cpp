#include "file_pieces.hpp"

#include "model_name.hpp"
#include "odysseus/base/text.hpp"

#include <algorithm>

namespace odysseus::models {
namespace {

constexpr int k_pieces_max = 999;

std::optional<int> number_from(std::string_view text) {
    const auto number = parsed_int(text);
    const bool digits = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
    return digits && number && *number >= 1 && *number <= k_pieces_max
               ? std::optional(static_cast<int>(*number))
               : std::nullopt;
}

// As a POSIX shell takes it for one word.
std::string shell_word(const std::string& name) {
    const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("._-+").find(c) != std::string_view::npos;
    });
    if (plain && !name.starts_with('-')) return name;
    std::string word = name.starts_with('-') ? "'./" : "'";
    for (const char c : name) {
        if (c == '\'') word += "'\\'";
        word += c;
    }
    return word + "'";
}

} // namespace

std::optional<PieceName> piece_name(std::string_view file_name) {
    if (file_name.starts_with('.')) return std::nullopt;
    const auto low = lowered(file_name);
    constexpr std::string_view k_part = ".part";
    constexpr std::string_view k_split = "-split-";
    if (const auto at = low.rfind(k_part); at != std::string::npos) {
        const auto tail = std::string_view(low).substr(at + k_part.size());
        const auto of = tail.find("of");
        if (of == std::string_view::npos) return std::nullopt;
        const auto number = number_from(tail.substr(0, of));
        const auto count = number_from(tail.substr(of + 2));
        const auto whole = file_name.substr(0, at);
        if (!number || !count || *number > *count || !gguf_stem(whole)) return std::nullopt;
        return PieceName{std::string(whole), *number, *count};
    }
    const auto at = low.rfind(k_split);
    if (at == std::string::npos || at + k_split.size() + 1 != low.size()) return std::nullopt;
    const char letter = low.back();
    const auto whole = file_name.substr(0, at);
    if (letter < 'a' || letter > 'z' || !gguf_stem(whole)) return std::nullopt;
    return PieceName{std::string(whole), letter - 'a' + 1, 0};
}

std::string join_remark(const std::string& folder, const std::string& whole, int count,
                        const std::vector<std::string>& names) {
    const auto where = folder.empty() ? std::string() : concat(folder, "/");
    const auto here = static_cast<int>(names.size());
    if (count > here) {
        return concat(where, whole, " is cut in ", count, " pieces, of which ", count - here,
                      count - here == 1 ? " is" : " are", " missing: fetch ",
                      count - here == 1 ? "it" : "them", " too, then join all of them.");
    }
    std::vector<std::string> words;
    std::vector<std::string> quoted;
    for (const auto& name : names) {
        words.push_back(shell_word(name));
        quoted.push_back(concat('"', name, '"'));
    }
    return concat(where, whole, " is cut in ", here, " pieces, which llama-server cannot read. ",
                  "Join them in their folder: cat ", joined(words, " "), " > ", shell_word(whole),
                  " (Windows: copy /b ", joined(quoted, "+"), " \"", whole,
                  "\"), then remove the pieces.");
}

} // namespace odysseus::models
