// Where things are on this system.
#pragma once

#include <filesystem>

namespace odysseus::system {

// The running program itself, links resolved. Throws Error (bug) where the system does not tell.
[[nodiscard]] std::filesystem::path own_executable();

} // namespace odysseus::system
