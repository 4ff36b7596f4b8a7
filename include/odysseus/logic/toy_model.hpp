// A complete model of some 300 KB that odysseus can write by itself, so that a machine without a
// model and without a network still answers. Its weights are random: what it says is noise.
#pragma once

#include <string>

namespace odysseus {

inline constexpr const char* k_toy_model_name = "odysseus-toy";

// The bytes of the GGUF file, the same every time. Its context costs 512 bytes a token, and it was
// "trained" for more than the ladder's top.
[[nodiscard]] std::string toy_model_gguf();

} // namespace odysseus
