#include "odysseus/models/starter_models.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/models/hub_listing.hpp"

#include <array>

namespace odysseus::models {
namespace {

// By their places in the list, from the one for a large machine to the one for a small.
constexpr std::array<std::size_t, 5> k_recommended{6, 5, 3, 1, 0};
// Room beyond 4096 tokens, so that the recommended model is not one that barely runs.
constexpr std::int64_t k_ease_bytes = std::int64_t{1} << 30;

} // namespace

const std::vector<StarterModel>& starter_models() {
    static const std::vector<StarterModel> models{
        {"Qwen3 0.6B", "tiny; to try things out on any machine", "unsloth/Qwen3-0.6B-GGUF:Q4_K_M",
         396'705'472},
        {"Qwen3 1.7B", "quick on a small machine", "unsloth/Qwen3-1.7B-GGUF:Q4_K_M", 1'107'409'472},
        {"Gemma 3 4B", "conversation in many languages; sees pictures",
         "ggml-org/gemma-3-4b-it-GGUF:Q4_K_M", 2'489'757'856},
        {"Qwen3 4B Instruct", "general use, answers at once",
         "unsloth/Qwen3-4B-Instruct-2507-GGUF:Q4_K_M", 2'497'281'120},
        {"Gemma 4 E4B", "conversation and pictures, better and larger",
         "unsloth/gemma-4-E4B-it-GGUF:Q4_K_M", 4'977'169'568},
        {"Qwen3 8B", "harder questions; thinks before it answers", "Qwen/Qwen3-8B-GGUF:Q4_K_M",
         5'027'783'488},
        {"gpt-oss 20B", "the best of this list, and quick for its size",
         "ggml-org/gpt-oss-20b-GGUF:MXFP4", 12'109'566'560},
    };
    return models;
}

Fits fits(const StarterModel& model, const ModelRoom& room) {
    return fits_in(room, memory_for_4096_bytes(model.size_bytes));
}

std::size_t recommended_starter(const ModelRoom& room, bool with_gpu) {
    constexpr std::int64_t k_quick_bytes = std::int64_t{3} << 30; // on a processor

    constexpr std::size_t k_without_knowledge = 1;
    if (!room.fast) return k_without_knowledge;
    for (const auto index : k_recommended) {
        const auto& model = starter_models()[index];
        if (!with_gpu && model.size_bytes > k_quick_bytes) continue;
        if (fits(model, {*room.fast - k_ease_bytes}) == Fits::yes) return index;
    }
    return 0;
}

StarterAnswer starter_answer(const std::string& text, std::size_t recommended) {
    using Kind = StarterAnswer::Kind;
    const auto answer = lowered(trimmed(text));
    if (answer.empty()) return {Kind::chosen, recommended};
    if (answer == "s" || answer == "skip") return {Kind::skipped, 0};
    const auto number = parsed_int(answer);
    const auto count = static_cast<std::int64_t>(starter_models().size());
    if (!number || *number < 1 || *number > count) return {};
    return {Kind::chosen, static_cast<std::size_t>(*number - 1)};
}

} // namespace odysseus::models
