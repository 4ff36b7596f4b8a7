// What a model's KV cache costs, exactly: from the GGUF's metadata to bytes.
// The arithmetic is llama.cpp's own (src/llama-kv-cache.cpp, llama-kv-cache-iswa.cpp,
// llama-memory-recurrent.cpp, llama-hparams.cpp); tests/e2e compares it with what a real
// llama-server logs as its "KV buffer size".
#pragma once

#include "odysseus/logic/gguf_header.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace odysseus {

// Attention layers that keep the same things.
struct KvLayers {
    std::int64_t count = 0;
    std::int64_t key_width = 0;   // elements a token and layer
    std::int64_t value_width = 0; // 0: the value is part of the key (MLA)
    std::int64_t window = 0;      // tokens that are kept; 0: all of them

    bool operator==(const KvLayers&) const = default;
};

// What must be kept, as the model says.
struct KvShape {
    std::vector<KvLayers> attention;
    std::int64_t state_bytes_per_slot = 0; // recurrent state, always f32

    bool operator==(const KvShape&) const = default;
};

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

// Absent: the metadata does not say enough, or says what cannot be.
[[nodiscard]] std::optional<KvShape> kv_shape(const GgufInfo& info);

// The attention cache and the recurrent state, in bytes.
[[nodiscard]] std::int64_t kv_bytes(const KvShape& shape, const KvUse& use);

// The share that grows with every token (f16, or the types of `use`), and what does not grow: full
// window caches and recurrent state.
[[nodiscard]] std::int64_t kv_bytes_per_token(const KvShape& shape, const KvUse& use = {});
[[nodiscard]] std::int64_t kv_fixed_bytes(const KvShape& shape, const KvUse& use = {});

} // namespace odysseus
