#include "odysseus/models/weights.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <array>

namespace odysseus::models {
namespace {

constexpr std::int64_t k_blocks_max = 1024; // llama.cpp: 512
constexpr std::uint64_t k_elements_max = std::uint64_t{1} << 40;
constexpr std::int64_t k_bytes_max = std::int64_t{1} << 50; // of one sum; none overflows

struct TypeSize {
    std::uint32_t type;
    std::int64_t elements;
    std::int64_t bytes;
};
// ggml's types and the sizes of their blocks (ggml/src/ggml-common.h).
constexpr std::array<TypeSize, 32> k_types{{
    {0, 1, 4},      {1, 1, 2},      {2, 32, 18},   {3, 32, 20},    {6, 32, 22},    {7, 32, 24},
    {8, 32, 34},    {9, 32, 36},    {10, 256, 84}, {11, 256, 110}, {12, 256, 144}, {13, 256, 176},
    {14, 256, 210}, {15, 256, 292}, {16, 256, 66}, {17, 256, 74},  {18, 256, 98},  {19, 256, 50},
    {20, 32, 18},   {21, 256, 110}, {22, 256, 82}, {23, 256, 136}, {24, 1, 1},     {25, 1, 2},
    {26, 1, 4},     {27, 1, 8},     {28, 1, 8},    {29, 256, 56},  {30, 1, 2},     {34, 256, 54},
    {35, 256, 66},  {39, 32, 17},
}};

// A type that is not known yet counts as a byte an element: more than most quantisations have.
[[nodiscard]] std::int64_t bytes_of(std::uint32_t type, std::uint64_t elements) {
    const auto count = static_cast<std::int64_t>(std::min(elements, k_elements_max));
    const auto found = std::find_if(k_types.begin(), k_types.end(),
                                    [type](const TypeSize& size) { return size.type == type; });
    if (found == k_types.end()) return count;
    return (count + found->elements - 1) / found->elements * found->bytes;
}

void add(std::int64_t& sum, std::int64_t bytes) {
    sum = std::min(sum + bytes, k_bytes_max);
}

[[nodiscard]] bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

void add_to_block(BlockWeights& block, std::string_view name, std::int64_t bytes) {
    if (!name.starts_with("ffn_")) {
        add(block.rest, bytes);
    } else if (contains(name, "_exps") || contains(name, "_chexps")) {
        add(block.experts, bytes);
    } else {
        add(block.feed_forward, bytes);
    }
}

} // namespace

std::int64_t Weights::total() const {
    std::int64_t sum = embedding + output;
    for (const auto& block : blocks)
        sum += block.total();
    return sum;
}

bool Weights::has_experts() const {
    return std::any_of(blocks.begin(), blocks.end(),
                       [](const BlockWeights& block) { return block.experts > 0; });
}

void add_tensor(Weights& weights, std::string_view name, std::uint32_t type,
                std::uint64_t elements) {
    const auto bytes = bytes_of(type, elements);
    constexpr std::string_view k_block = "blk.";
    if (name.starts_with(k_block)) {
        const auto rest = name.substr(k_block.size());
        const auto dot = rest.find('.');
        const auto number = dot == std::string_view::npos ? std::optional<std::int64_t>()
                                                          : parsed_int(rest.substr(0, dot));
        if (number && *number >= 0 && *number < k_blocks_max) {
            const auto at = static_cast<std::size_t>(*number);
            if (weights.blocks.size() <= at) weights.blocks.resize(at + 1);
            add_to_block(weights.blocks[at], rest.substr(dot + 1), bytes);
            return;
        }
    }
    if (name.starts_with("token_embd.") || name.starts_with("per_layer_token_embd")) {
        add(weights.embedding, bytes);
        return;
    }
    add(weights.output, bytes);
    weights.has_output = weights.has_output || name == "output.weight";
}

void add_part(Weights& weights, const Weights& part) {
    if (weights.blocks.size() < part.blocks.size()) weights.blocks.resize(part.blocks.size());
    for (std::size_t i = 0; i < part.blocks.size(); ++i) {
        add(weights.blocks[i].experts, part.blocks[i].experts);
        add(weights.blocks[i].feed_forward, part.blocks[i].feed_forward);
        add(weights.blocks[i].rest, part.blocks[i].rest);
    }
    add(weights.embedding, part.embedding);
    add(weights.output, part.output);
    weights.has_output = weights.has_output || part.has_output;
}

} // namespace odysseus::models
