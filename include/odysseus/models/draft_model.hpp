// Draft models: small ones that write ahead for a larger one (speculative decoding). None is a
// model to be asked for by itself.
#pragma once

#include "odysseus/models/gguf_header.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace odysseus::models {

// An architecture that computes nothing without its model: "gemma4-assistant", "eagle3", "dflash".
[[nodiscard]] bool is_draft_architecture(std::string_view architecture);

// A file whose name says so by one of its words: "gemma-4-E4B-it-MTP-Q8_0". Such a file beside
// another model is its draft; alone it may be one to chat with.
[[nodiscard]] bool has_draft_word(std::string_view file_name);

// Whether a draft can work for a model: both write the same tokens, the architectures go together,
// and it is smaller. What a file does not tell is no match.
[[nodiscard]] bool fits_draft(const GgufInfo& model, std::int64_t model_bytes,
                              const GgufInfo& draft, std::int64_t draft_bytes);

// The value of llama-server's --spec-type for a draft of this architecture.
[[nodiscard]] std::string_view speculation_type(std::string_view draft_architecture);

} // namespace odysseus::models
