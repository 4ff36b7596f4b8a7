#include "starter_models.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/models/hub_listing.hpp"

#include <array>

namespace odysseus::models {
namespace {

// By their places in the list, from the one for a large machine to the one for a small.
constexpr std::array<std::size_t, 4> k_recommended{6, 3, 1, 0};
// Room beyond 4096 tokens, so that the recommended model is not one that barely runs.
constexpr std::int64_t k_ease_bytes = std::int64_t{1} << 30;

} // namespace

const std::vector<StarterModel>& starter_models() {
    static const std::vector<StarterModel> models{
        {"Qwen 2.5 Coder 0.5B Instruct", "tiny; to try things out on any machine",
         "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF:Q4_K_M", 491'400'064},
        {"Qwen 2.5 Coder 1.5B Instruct", "code, quick on a small machine",
         "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF:Q4_K_M", 1'117'320'768},
        {"DeepSeek R1 Distill Qwen 1.5B", "thinks before it answers, on a small machine",
         "unsloth/DeepSeek-R1-Distill-Qwen-1.5B-GGUF:Q4_K_M", 1'117'320'736},
        {"Llama 3.2 3B Instruct", "general conversation",
         "unsloth/Llama-3.2-3B-Instruct-GGUF:Q4_K_M", 2'019'377'440},
        {"Qwen 2.5 Coder 7B Instruct", "code, the best of this list",
         "Qwen/Qwen2.5-Coder-7B-Instruct-GGUF:Q4_K_M", 4'683'073'536},
        {"DeepSeek R1 Distill Qwen 7B", "thinks before it answers",
         "unsloth/DeepSeek-R1-Distill-Qwen-7B-GGUF:Q4_K_M", 4'683'073'184},
        {"Llama 3 8B Instruct", "general conversation, the best of this list",
         "unsloth/llama-3-8b-Instruct-gguf:Q4_K_M", 4'920'733'888},
    };
    return models;
}

bool fits(const StarterModel& model, std::optional<std::int64_t> memory_bytes) {
    return !memory_bytes || memory_for_4096_bytes(model.size_bytes) <= *memory_bytes;
}

std::size_t recommended_starter(std::optional<std::int64_t> memory_bytes, bool with_gpu) {
    constexpr std::int64_t k_quick_bytes = std::int64_t{3} << 30; // on a processor

    constexpr std::size_t k_without_knowledge = 1;
    if (!memory_bytes) return k_without_knowledge;
    for (const auto index : k_recommended) {
        const auto& model = starter_models()[index];
        if (!with_gpu && model.size_bytes > k_quick_bytes) continue;
        if (fits(model, *memory_bytes - k_ease_bytes)) return index;
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
