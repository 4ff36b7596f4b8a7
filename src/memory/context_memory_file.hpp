// The remembered contexts, in HOME/data.
#pragma once

#include "odysseus/memory/context_memory.hpp"

#include <filesystem>

namespace odysseus::memory {

// Nothing is remembered when the file is missing. One that cannot be read, or is not what it should
// be, is one warning and nothing remembered; it is replaced by the next save.
[[nodiscard]] ContextMemory load_context_memory(const std::filesystem::path& file);

// Whole or not at all, the folder made when missing. Not being able to write is one warning: the
// next launch only starts from the estimate again. An empty memory removes the file.
void save_context_memory(const std::filesystem::path& file, const ContextMemory& memory);

} // namespace odysseus::memory
