// Small models that a real llama-server loads, one for each way in which llama.cpp keeps a cache.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace odysseus::testing {

// What differs between the architectures' layers.
struct LayerStyle {
    bool attention_norm = true;
    bool feed_forward_norm = true;
    bool post_norms = false;
    bool head_norms = false;    // of queries and keys, as long as a head
    bool full_norms = false;    // the same, as long as all heads
    bool fused = false;         // one tensor for q, k and v, one for gate and up
    bool output_weights = true; // false: the embeddings are used again
};

struct ShapeModel {
    std::string name;
    std::string architecture;
    int layers = 4;
    int embedding = 128;
    std::vector<std::int32_t> heads{4};    // one value stands for every layer
    std::vector<std::int32_t> kv_heads{2}; // empty: the file does not say
    int key_length = 64;                   // 0: the file does not say
    int value_length = 64;
    std::vector<std::pair<std::string, std::uint32_t>>
        numbers{}; // further keys of the architecture
    LayerStyle style{};
    std::vector<bool> window_layers{}; // the list of the file, where it has one
    int window_key_length = 0;         // of a head in those layers
};

[[nodiscard]] std::vector<ShapeModel> shape_models();
[[nodiscard]] std::string gguf_of(const ShapeModel& model);

} // namespace odysseus::testing
