#include "odysseus/models/draft_model.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus::models;

namespace {

GgufInfo info_of(const char* architecture, std::optional<std::int64_t> vocabulary) {
    GgufInfo info;
    info.architecture = architecture;
    info.vocab_size = vocabulary;
    info.values["tokenizer.ggml.model"] = std::string("gpt2");
    return info;
}

} // namespace

TEST_CASE("draft: architectures that compute nothing alone, and names that say so") {
    for (const char* draft : {"gemma4-assistant", "gemma4_assistant", "eagle3", "dflash", "mtp",
                              "qwen35-mtp", "EAGLE3", "dspark"})
        CHECK(is_draft_architecture(draft));
    for (const char* model : {"gemma4", "llama", "qwen3moe", "deepseek2", "clip", "bert", ""})
        CHECK_FALSE(is_draft_architecture(model));
    for (const char* draft :
         {"gemma-4-E4B-it-assistant.Q4_K_M.gguf", "gemma-4-26b-A4B-it-assistant-QAT-Q4_0.gguf",
          "Qwen3-8B-DFlash-Q8_0.gguf", "gemma-4-E4B-it-MTP-Q8_0.gguf",
          "mtp-gemma-4-E4B-it-Q8_0.gguf", "Llama-3.3-70B-eagle3.gguf", "x-draft.gguf"})
        CHECK(has_draft_word(draft));
    for (const char* model :
         {"aircraft-draftsman-7b.gguf", "mtpx-7b.gguf", "beagle-7b.gguf", "Qwen3-8B-Q4_K_M.gguf"})
        CHECK_FALSE(has_draft_word(model));
}

TEST_CASE("draft: one that fits writes the same tokens, goes with the architecture, is smaller") {
    const auto gemma = info_of("gemma4", 262144);
    struct Row {
        const char* architecture;
        std::optional<std::int64_t> vocabulary;
        std::int64_t bytes;
        bool fits;
        const char* type;
    };
    const Row rows[] = {
        {"gemma4-assistant", 262144, 100, true, "draft-mtp"},
        {"gemma4-assistant", std::nullopt, 100, true, "draft-mtp"}, // shares its model's embedding
        {"gemma4-assistant", 151936, 100, false, "draft-mtp"},
        {"qwen3-assistant", 262144, 100, false, "draft-mtp"}, // another family's
        {"eagle3", 262144, 100, true, "draft-eagle3"},
        {"dflash", std::nullopt, 100, true, "draft-dflash"},
        {"gemma4", 262144, 100, true, "draft-simple"},
        {"gemma4", 262144, 501, false, "draft-simple"}, // no smaller than half of it
        {"gemma4", std::nullopt, 100, false, "draft-simple"},
        {"llama", 128256, 100, false, "draft-simple"},
        {"eagle3", 262144, 0, false, "draft-eagle3"},
    };
    for (const auto& row : rows) {
        INFO(row.architecture << " " << row.bytes);
        const auto draft = info_of(row.architecture, row.vocabulary);
        CHECK(fits_draft(gemma, 1000, draft, row.bytes) == row.fits);
        CHECK(speculation_type(row.architecture) == row.type);
    }
}
