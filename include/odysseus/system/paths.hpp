// Where things are on this system.
#pragma once

#include <filesystem>

namespace odysseus::system {

// The running program itself, links resolved. Throws Error (bug) where the system does not tell.
[[nodiscard]] std::filesystem::path own_executable();

// What stands between the folders of a list such as PATH: ':', on Windows ';'.
[[nodiscard]] char path_list_separator();

} // namespace odysseus::system
