#include "odysseus/system/browser.hpp"

#include "odysseus/system/environment.hpp"
#include "odysseus/system/run_tool.hpp"

namespace odysseus::system {

bool has_desktop() {
    return !environment_value("SSH_CONNECTION") && !environment_value("SSH_TTY");
}

bool open_in_browser(const std::string& url) {
    return run_tool({"/usr/bin/open", url}).ok();
}

} // namespace odysseus::system
