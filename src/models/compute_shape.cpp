#include "odysseus/models/compute_shape.hpp"

#include "odysseus/models/kv_shape.hpp"

#include <algorithm>
#include <array>

namespace odysseus::models {
namespace {

constexpr std::int64_t k_width_max = 1 << 24;
constexpr std::int64_t k_layers_max = 1024;

// The head sizes for which the backends have fused kernels (ggml-cuda/fattn.cu, ggml-vulkan.cpp,
// ggml-metal-device.m all know these); for others llama.cpp switches fused attention off.
constexpr std::array<std::int64_t, 5> k_fused_heads{64, 80, 96, 128, 256};

// The largest over the layers: a scalar, or a list.
[[nodiscard]] std::int64_t widest(const GgufInfo& info, std::string_view key, std::int64_t layers) {
    std::int64_t most = 0;
    for (std::int64_t layer = 0; layer < layers; ++layer)
        most = std::max(most, info.of_layer(key, layer).value_or(0));
    return most;
}

[[nodiscard]] bool is_width(std::int64_t width) {
    return width > 0 && width <= k_width_max;
}

} // namespace

std::optional<ComputeShape> compute_shape(const GgufInfo& info) {
    const auto layers = info.block_count().value_or(0);
    if (layers <= 0 || layers > k_layers_max) return std::nullopt;
    const auto kv = kv_shape(info);
    if (!kv || kv->attention.empty() || kv->state_bytes_per_slot != 0) return std::nullopt;

    ComputeShape shape;
    shape.vocabulary = info.vocab_size.value_or(info.number("vocab_size").value_or(0));
    shape.embedding = info.number("embedding_length").value_or(0);
    shape.heads = widest(info, "attention.head_count", layers);
    const auto used = info.number("expert_used_count").value_or(0);
    const auto expert = info.number("expert_feed_forward_length").value_or(0);
    const auto shared = info.number("expert_shared_feed_forward_length").value_or(0);
    if (used < 0 || used > k_layers_max || expert < 0 || expert > k_width_max || shared < 0 ||
        shared > k_width_max)
        return std::nullopt;
    shape.feed_forward =
        std::max(widest(info, "feed_forward_length", layers), used * expert + shared);
    if (!is_width(shape.vocabulary) || !is_width(shape.embedding) || !is_width(shape.heads) ||
        !is_width(shape.feed_forward))
        return std::nullopt;

    const auto key = info.number("attention.key_length").value_or(shape.embedding / shape.heads);
    const auto value = info.number("attention.value_length").value_or(key);
    const bool capped = info.values.contains("attn_logit_softcapping"); // not fused everywhere
    shape.fused_attention =
        !capped && key == value &&
        std::find(k_fused_heads.begin(), k_fused_heads.end(), key) != k_fused_heads.end();
    return shape;
}

} // namespace odysseus::models
