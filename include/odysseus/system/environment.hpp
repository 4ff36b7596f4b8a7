// What the process was given, UTF-8 on every system.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace odysseus::system {

// "NAME=value" of everything that is set for this process.
[[nodiscard]] std::vector<std::string> own_environment();

// Absent: not set, or set to nothing.
[[nodiscard]] std::optional<std::string> environment_value(const char* name);

// The words of the command line, the program's own name first. On Windows main's are in the
// system's code page.
[[nodiscard]] std::vector<std::string> own_arguments(int argc, const char* const* argv);

} // namespace odysseus::system
