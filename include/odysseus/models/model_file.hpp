// The header of a model file on the disk.
#pragma once

#include "odysseus/models/gguf_header.hpp"

#include <filesystem>
#include <variant>

namespace odysseus::models {

// Reads the header alone, in steps of 64 KiB; the weights are never touched. Never throws: what
// cannot be opened or read is refused with a reason.
[[nodiscard]] std::variant<GgufInfo, GgufRefused>
read_model_header(const std::filesystem::path& file);

} // namespace odysseus::models
