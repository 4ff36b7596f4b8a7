#include "odysseus/system/browser.hpp"

#include "odysseus/system/environment.hpp"
#include "odysseus/system/run_tool.hpp"

namespace odysseus::system {

bool has_desktop() {
    for (const char* name : {"SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"}) {
        if (environment_value(name)) return false;
    }
    return environment_value("DISPLAY") || environment_value("WAYLAND_DISPLAY");
}

bool open_in_browser(const std::string& url) {
    // In a session of its own, so that the browser outlives us and Ctrl-C is none of its business.
    // The substitution ends when that session is there: run_tool ends what is left in this one.
    constexpr const char* k_script =
        "command -v xdg-open >/dev/null 2>&1 || exit 127\n"
        "if command -v setsid >/dev/null 2>&1; then own=setsid; else own=; fi\n"
        ": \"$($own sh -c 'exec xdg-open \"$1\" >/dev/null 2>&1 </dev/null' sh \"$1\" &)\"\n";
    return run_tool({"sh", "-c", k_script, "sh", url}).ok();
}

} // namespace odysseus::system
