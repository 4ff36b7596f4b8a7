#include "odysseus/memory/compute_buffer.hpp"

#include <algorithm>

namespace odysseus::memory {
namespace {

constexpr std::int64_t k_batch = 512; // llama.cpp's --ubatch-size
constexpr std::int64_t k_float = 4;
constexpr std::int64_t k_half = 2;
constexpr std::int64_t k_mib = std::int64_t{1} << 20;

} // namespace

std::int64_t compute_bytes(const models::ComputeShape& shape, std::int64_t tokens) {
    // Of the graph's stages the largest counts, as each may use what the one before has left:
    // the scores of every word of the vocabulary, or a block's feed-forward part.
    const auto output = shape.vocabulary + 5 * shape.embedding;
    const auto block = 3 * shape.feed_forward + 5 * shape.embedding;
    auto bytes = std::max(output, block) * k_batch * k_float;
    // The mask, in halves; all else that grows with the context is less than a quarter of it, as
    // printed for the CPU and for Vulkan. Unfused, a score of each head beside it.
    bytes += tokens * k_batch * k_half * 5 / 4;
    if (!shape.fused_attention) bytes += tokens * k_batch * k_float * shape.heads;
    return bytes;
}

std::int64_t spare_bytes(std::int64_t device_bytes, Backend backend) {
    // What a process takes by itself is a few MiB with Vulkan, and some hundred with the others.
    const std::int64_t divisor = backend == Backend::vulkan ? 16 : 8;
    const auto of_large = std::clamp(device_bytes / 32, 512 * k_mib, 1024 * k_mib);
    return std::min(device_bytes / divisor, of_large);
}

} // namespace odysseus::memory
