// What the names of model files say: shards, quantisation, family.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace odysseus::models {

// "X-00002-of-00003" (what llama-gguf-split writes).
struct ShardName {
    std::string whole; // "X"
    int number = 0;    // from 1
    int count = 0;
};
[[nodiscard]] std::optional<ShardName> shard_name(std::string_view stem);

// The part of a file name before ".gguf", in any case; absent: it does not end so, nothing is
// before it, or it is hidden (a dot in front: also macOS's "._" companions).
[[nodiscard]] std::optional<std::string> gguf_stem(std::string_view file_name);

// A vision or audio projector by its name.
[[nodiscard]] bool is_mmproj_name(std::string_view file_name);

// "Qwen3-8B-UD-Q4_K_XL" is "Qwen3-8B" in "UD-Q4_K_XL"; no quantisation: it is absent.
struct QuantName {
    std::string base;
    std::optional<std::string> quant;
};
[[nodiscard]] QuantName quant_name(std::string_view stem);

// "My Model (final) v2" is "my-model-final-v2": what can be typed without quotes.
[[nodiscard]] std::string dashed_name(std::string_view base);

// "mistral-7b-instruct-v0.3" → "mistral-7b"; absent where no part is a size.
[[nodiscard]] std::optional<std::string> family_name(std::string_view base);

// "Qwen3-8B-GGUF" → "Qwen3-8B"
[[nodiscard]] std::string without_gguf_ending(std::string_view repo);

// org/repo of a Hugging Face cache: ".../models--org--repo/snapshots/COMMIT/...".
struct CachedRepo {
    std::string org;
    std::string repo;
    std::string commit;
};
[[nodiscard]] std::optional<CachedRepo> cached_repo(std::string_view path);

} // namespace odysseus::models
