#include "odysseus/memory/kv_cost.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace odysseus::memory {

namespace {

constexpr std::int64_t k_cell_padding = 256; // llama-context.cpp pads n_ctx, iswa the window
constexpr std::int64_t k_context_max = 1 << 24;
constexpr std::int64_t k_slots_max = 1 << 10;

[[nodiscard]] std::int64_t padded(std::int64_t tokens) {
    return (tokens + k_cell_padding - 1) / k_cell_padding * k_cell_padding;
}

struct BlockSize {
    std::string_view name;
    std::int64_t elements;
    std::int64_t bytes;
};
// In the order of CacheType; the sizes are ggml's.
constexpr std::array<BlockSize, 9> k_types{{{"f32", 1, 4},
                                            {"f16", 1, 2},
                                            {"bf16", 1, 2},
                                            {"q8_0", 32, 34},
                                            {"q5_1", 32, 24},
                                            {"q5_0", 32, 22},
                                            {"q4_1", 32, 20},
                                            {"q4_0", 32, 18},
                                            {"iq4_nl", 32, 18}}};

[[nodiscard]] const BlockSize& block_of(CacheType type) {
    return k_types[static_cast<std::size_t>(type)];
}

[[nodiscard]] std::int64_t row_bytes(std::int64_t elements, CacheType type) {
    return elements * block_of(type).bytes / block_of(type).elements;
}

[[nodiscard]] std::int64_t token_bytes(const models::KvLayers& layers, const KvUse& use) {
    return layers.count * (row_bytes(layers.key_width, use.key_type) +
                           row_bytes(layers.value_width, use.value_type));
}

// Cells of one stream, and the streams.
struct Cells {
    std::int64_t full;
    std::int64_t streams;
    std::int64_t sequences_in_stream;
};

[[nodiscard]] Cells cells_of(const KvUse& use) {
    const auto slots = std::clamp<std::int64_t>(use.slots, 1, k_slots_max);
    const auto context = padded(std::clamp<std::int64_t>(use.context, 1, k_context_max));
    if (use.unified) return {context, 1, slots};
    return {padded(context / slots), slots, 1};
}

[[nodiscard]] std::int64_t window_cells(std::int64_t window, const Cells& cells, const KvUse& use) {
    if (window == 0 || use.full_window) return cells.full;
    return padded(std::min(cells.full, window * cells.sequences_in_stream + use.micro_batch));
}

} // namespace

std::optional<CacheType> cache_type_from(std::string_view name) {
    const auto found = std::find_if(k_types.begin(), k_types.end(),
                                    [name](const BlockSize& type) { return type.name == name; });
    if (found == k_types.end()) return std::nullopt;
    return static_cast<CacheType>(found - k_types.begin());
}

std::int64_t kv_bytes(const models::KvShape& shape, const KvUse& use) {
    const Cells cells = cells_of(use);
    std::int64_t bytes =
        shape.state_bytes_per_slot * std::clamp<std::int64_t>(use.slots, 1, k_slots_max);
    for (const auto& layers : shape.attention) {
        bytes += token_bytes(layers, use) * window_cells(layers.window, cells, use) * cells.streams;
    }
    return bytes;
}

std::int64_t kv_bytes_per_token(const models::KvShape& shape, const KvUse& use) {
    std::int64_t bytes = 0;
    for (const auto& layers : shape.attention) {
        if (layers.window == 0 || use.full_window) bytes += token_bytes(layers, use);
    }
    return bytes;
}

std::int64_t kv_fixed_bytes(const models::KvShape& shape, const KvUse& use) {
    models::KvShape windows{{}, shape.state_bytes_per_slot};
    for (const auto& layers : shape.attention) {
        if (layers.window != 0 && !use.full_window) windows.attention.push_back(layers);
    }
    KvUse large = use;
    large.context = k_context_max;
    return kv_bytes(windows, large);
}

std::optional<std::int64_t> kv_bytes_per_token(const std::optional<models::KvShape>& shape) {
    return shape ? std::optional(kv_bytes_per_token(*shape)) : std::nullopt;
}

std::optional<std::int64_t> kv_fixed_bytes(const std::optional<models::KvShape>& shape) {
    return shape ? std::optional(kv_fixed_bytes(*shape)) : std::nullopt;
}

} // namespace odysseus::memory
