// A complete model of some 300 KB inside the program, so that a machine without a model and without
// a network still answers. Its weights are random: what it says is noise. tests/support makes it.
#pragma once

#include <string_view>

namespace odysseus::models {

inline constexpr const char* k_toy_model_name = "odysseus-toy";

// The bytes of the GGUF file. Its context costs 512 bytes a token, and it was "trained" for more
// than the ladder's top.
[[nodiscard]] std::string_view toy_model_gguf();

} // namespace odysseus::models
