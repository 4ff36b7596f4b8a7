#include "odysseus/system/browser.hpp"

#include "odysseus/system/environment.hpp"
#include "odysseus/system/run_tool.hpp"

namespace odysseus::system {

bool has_desktop() {
    return !environment_value("SSH_CONNECTION") && !environment_value("SSH_CLIENT");
}

bool open_in_browser(const std::string& url) {
    return run_tool({"rundll32.exe", "url.dll,FileProtocolHandler", url}).ok();
}

} // namespace odysseus::system
