// What decides how much memory llama.cpp needs to compute with a model, as its GGUF metadata says.
#pragma once

#include "odysseus/models/gguf_header.hpp"

#include <cstdint>
#include <optional>

namespace odysseus::models {

struct ComputeShape {
    std::int64_t vocabulary = 0;
    std::int64_t embedding = 0;    // elements of a token between the layers
    std::int64_t feed_forward = 0; // the widest layer; of a mixture, what is used for a token
    std::int64_t heads = 0;        // of queries, in the layer that has the most
    bool fused_attention = false;  // every backend computes it without a table of all scores

    bool operator==(const ComputeShape&) const = default;
};

// Absent: the metadata does not say enough, or the architecture computes in a way of its own
// (recurrent states, encoders).
[[nodiscard]] std::optional<ComputeShape> compute_shape(const GgufInfo& info);

} // namespace odysseus::models
