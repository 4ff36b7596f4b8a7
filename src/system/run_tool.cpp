#include "odysseus/system/run_tool.hpp"

#include "odysseus/base/text.hpp"

namespace odysseus::system {

std::string ToolResult::how_it_ended(const ToolLimits& limits) const {
    switch (end) {
    case End::exited: return concat("exited with ", status);
    case End::signalled: return concat("was ended by signal ", status);
    case End::timed_out: return concat("did not finish within ", limits.deadline.count(), " ms");
    case End::not_found: return "does not exist";
    case End::not_started: break;
    }
    return "could not be started: " + problem;
}

} // namespace odysseus::system
