// Where a system's dynamic loader is told to look for libraries.
#pragma once

#include "odysseus/hardware/machine.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odysseus::builds {

// LD_LIBRARY_PATH, DYLD_LIBRARY_PATH or PATH.
[[nodiscard]] std::string_view library_path_name(hardware::Os os);
// That variable's name and value: `folders` before what is set already.
[[nodiscard]] std::pair<std::string, std::string>
library_path(hardware::Os os, const std::vector<std::string>& folders, std::string_view present);

} // namespace odysseus::builds
