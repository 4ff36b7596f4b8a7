// The metadata of a GGUF file: what a model says about itself before its weights begin.
// Format: github.com/ggml-org/ggml, docs/gguf.md. Versions 2 and 3, little-endian; everything else
// is refused with a reason. The file is not trusted: every length is held against the file's size,
// every count has a limit, and nothing is allocated because a number in the file says so.
#pragma once

#include "odysseus/models/weights.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace odysseus::models {

// Fills `into` with `bytes` bytes of the file from `offset` on; false: they cannot be read.
using ReadAt = std::function<bool(std::uint64_t offset, char* into, std::size_t bytes)>;

// A whole number (any integer type that fits), a real number, a truth, a text of at most 4 KiB,
// or up to 1024 whole numbers or truths (values that differ from layer to layer).
using GgufValue = std::variant<std::int64_t, double, bool, std::string, std::vector<std::int64_t>>;

struct GgufInfo {
    std::uint32_t version = 0;
    std::uint64_t tensor_count = 0;
    std::string architecture; // "llama"; never empty
    // Values of the keys "general.*" and "split.*" under their full names, and those of
    // "ARCHITECTURE.*" without that prefix: "attention.head_count_kv".
    std::map<std::string, GgufValue, std::less<>> values;
    std::optional<std::int64_t> vocab_size; // tokens in the tokenizer's list
    std::string chat_template;              // at most 64 KiB; a longer one is left out
    bool has_chat_template = false;         // of any length
    bool can_insert = false;                // it has tokens for what goes between two texts
    std::int64_t parameter_count = 0;       // of this file's tensors
    // The file holds at least this many bytes when it is whole; absent: its tensors are not listed
    // in a form that tells.
    std::optional<std::uint64_t> bytes_at_least;
    Weights weights; // of this file

    [[nodiscard]] std::optional<std::int64_t> number(std::string_view key) const;
    [[nodiscard]] std::optional<std::string> text(std::string_view key) const;
    // The value of a layer: an array's element, or the scalar that stands for every layer.
    [[nodiscard]] std::optional<std::int64_t> of_layer(std::string_view key,
                                                       std::int64_t layer) const;

    [[nodiscard]] std::optional<std::int64_t> block_count() const { return number("block_count"); }
    [[nodiscard]] std::optional<std::int64_t> trained_context() const {
        return number("context_length");
    }
};

// Why a file's header cannot be used: the end of a sentence that begins with the file's name.
struct GgufRefused {
    std::string reason;
};

[[nodiscard]] std::variant<GgufInfo, GgufRefused> read_gguf(const ReadAt& read_at,
                                                            std::uint64_t file_bytes);

// The same from bytes in memory, for a file of exactly those bytes.
[[nodiscard]] std::variant<GgufInfo, GgufRefused> read_gguf(std::string_view bytes);

} // namespace odysseus::models
