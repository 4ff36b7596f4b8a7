#include "odysseus/models/draft_model.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <array>

namespace odysseus::models {
namespace {

// What a word of a name may be; "eagle3" and "eagle2" are "eagle" with a number.
constexpr std::array<std::string_view, 6> k_words{"draft",  "mtp",    "eagle",
                                                  "dflash", "dspark", "assistant"};

[[nodiscard]] std::string_view without_number(std::string_view word) {
    const auto last = word.find_last_not_of("0123456789");
    return last == std::string_view::npos ? word : word.substr(0, last + 1);
}

[[nodiscard]] bool has_word(std::string_view text) {
    const auto low = lowered(text);
    for (std::size_t start = 0; start <= low.size();) {
        const auto end = std::min(low.find_first_of("-_. ", start), low.size());
        const auto word = without_number(std::string_view(low).substr(start, end - start));
        if (std::find(k_words.begin(), k_words.end(), word) != k_words.end()) return true;
        start = end + 1;
    }
    return false;
}

// "gemma4-assistant" works for "gemma4"; "eagle3" for any that it was trained with.
[[nodiscard]] std::string base_architecture(std::string_view draft) {
    const auto low = lowered(draft);
    const auto cut = low.find_first_of("-_");
    return cut == std::string::npos ? "" : low.substr(0, cut);
}

} // namespace

bool is_draft_architecture(std::string_view architecture) {
    return has_word(architecture);
}

bool has_draft_word(std::string_view file_name) {
    return has_word(file_name);
}

bool fits_draft(const GgufInfo& model, std::int64_t model_bytes, const GgufInfo& draft,
                std::int64_t draft_bytes) {
    if (draft_bytes <= 0 || draft_bytes * 2 > model_bytes) return false;
    if (!is_draft_architecture(draft.architecture)) {
        return draft.vocab_size && draft.vocab_size == model.vocab_size &&
               draft.text("tokenizer.ggml.model") == model.text("tokenizer.ggml.model");
    }
    const auto base = base_architecture(draft.architecture);
    const bool same_family = base.empty() || base == lowered(model.architecture);
    // A head that shares its model's embedding may have no list of tokens of its own.
    const bool same_tokens = !draft.vocab_size || draft.vocab_size == model.vocab_size;
    return same_family && same_tokens;
}

std::string_view speculation_type(std::string_view draft_architecture) {
    const auto low = lowered(draft_architecture);
    const auto has = [&](std::string_view word) { return low.find(word) != std::string::npos; };
    if (has("eagle")) return "draft-eagle3";
    if (has("dflash")) return "draft-dflash";
    if (has("dspark")) return "draft-dspark";
    if (has("mtp") || has("assistant")) return "draft-mtp";
    return "draft-simple";
}

} // namespace odysseus::models
