// How the weights of a model are spread over its blocks, as the tensor table of its file says: what
// can be kept in RAM while the rest is on a GPU.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace odysseus::models {

// Bytes of one block ("blk.7.").
struct BlockWeights {
    std::int64_t experts = 0;      // ffn_*_exps: of a mixture, a few of them are used for a token
    std::int64_t feed_forward = 0; // ffn_* but the experts
    std::int64_t rest = 0;         // attention, norms, states

    [[nodiscard]] std::int64_t total() const { return experts + feed_forward + rest; }
    bool operator==(const BlockWeights&) const = default;
};

struct Weights {
    std::vector<BlockWeights> blocks;
    std::int64_t embedding = 0; // of tokens: llama.cpp keeps it in RAM
    std::int64_t output = 0;    // what stands in no block
    bool has_output = false;    // else the embedding serves as output too, as a copy on the GPU

    [[nodiscard]] std::int64_t total() const; // as in the file
    [[nodiscard]] bool has_experts() const;
    bool operator==(const Weights&) const = default;
};

// A row of the table; `type` is ggml's number of the tensor's type.
void add_tensor(Weights& weights, std::string_view name, std::uint32_t type,
                std::uint64_t elements);
// Another part of a split model.
void add_part(Weights& weights, const Weights& part);

} // namespace odysseus::models
