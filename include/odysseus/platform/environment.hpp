#pragma once

#include <string>
#include <vector>

namespace odysseus::platform {

// "NAME=value" of everything that is set for this process, UTF-8.
[[nodiscard]] std::vector<std::string> own_environment();

} // namespace odysseus::platform
