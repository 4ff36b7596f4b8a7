#pragma once

namespace odysseus {

// "0.1.0", from the project's CMakeLists.txt.
[[nodiscard]] const char* version();

} // namespace odysseus
