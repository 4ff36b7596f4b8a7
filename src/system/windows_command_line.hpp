// argv as the one string that Windows starts programs with. Pure, so it is tested on any system.
#pragma once

#include <string>
#include <vector>

namespace odysseus::system {

// CommandLineToArgvW and the C runtime read it back as the same arguments (Microsoft's "Parsing C
// command-line arguments": backslashes count only before a quote).
[[nodiscard]] std::string windows_command_line(const std::vector<std::string>& argv);

} // namespace odysseus::system
