// What a model's KV cache costs, exactly: from its shape to bytes.
// The arithmetic is llama.cpp's own (src/llama-kv-cache.cpp, llama-kv-cache-iswa.cpp,
// llama-memory-recurrent.cpp, llama-hparams.cpp); tests/e2e compares it with what a real
// llama-server logs as its "KV buffer size".
#pragma once

#include "odysseus/models/kv_shape.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace odysseus::memory {

enum class CacheType { f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0, iq4_nl };
[[nodiscard]] std::optional<CacheType> cache_type_from(std::string_view name); // "q8_0"

// How llama-server is told to keep it.
struct KvUse {
    std::int64_t context = 4096; // --ctx-size: tokens of all slots together
    std::int64_t slots = 1;      // --parallel
    bool unified = false;        // --kv-unified: the slots share one pool
    CacheType key_type = CacheType::f16;
    CacheType value_type = CacheType::f16;
    std::int64_t micro_batch = 512; // --ubatch-size
    bool full_window = false;       // --swa-full
};

// The attention cache and the recurrent state, in bytes.
[[nodiscard]] std::int64_t kv_bytes(const models::KvShape& shape, const KvUse& use);

// The share that grows with every token (f16, or the types of `use`), and what does not grow: full
// window caches and recurrent state.
[[nodiscard]] std::int64_t kv_bytes_per_token(const models::KvShape& shape, const KvUse& use = {});
[[nodiscard]] std::int64_t kv_fixed_bytes(const models::KvShape& shape, const KvUse& use = {});

// The same for a model whose metadata may not tell its shape.
[[nodiscard]] std::optional<std::int64_t>
kv_bytes_per_token(const std::optional<models::KvShape>& shape);
[[nodiscard]] std::optional<std::int64_t>
kv_fixed_bytes(const std::optional<models::KvShape>& shape);

} // namespace odysseus::memory
