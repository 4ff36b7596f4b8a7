// The web browser of the person at this machine.
#pragma once

#include <string>

namespace odysseus::system {

// Whether there is a desktop to show a page on: a display, and no session from afar.
[[nodiscard]] bool has_desktop();

// Hands the address to the desktop and does not wait for what it does. False: there is no program
// for that. `url` is one that odysseus made itself.
bool open_in_browser(const std::string& url);

} // namespace odysseus::system
