// What a model keeps for each token, as its GGUF metadata says (llama.cpp: src/llama-hparams.cpp).
// What that costs in bytes is a matter of how llama-server is told to keep it (kv_cost.hpp).
#pragma once

#include "odysseus/models/gguf_header.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace odysseus::models {

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

// Absent: the metadata does not say enough, or says what cannot be.
[[nodiscard]] std::optional<KvShape> kv_shape(const GgufInfo& info);

// Without metadata: GiB for 4096 tokens, by the size of the file alone (the specification's table).
[[nodiscard]] double kv_gib_by_size(double model_gib);

} // namespace odysseus::models
