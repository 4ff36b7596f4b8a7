#include "odysseus/server/llama_control.hpp"

namespace odysseus::server {

const char* state_name(State state) {
    switch (state) {
    case State::starting: return "starting";
    case State::ready: return "ready";
    case State::restarting: return "restarting";
    case State::stopping: return "stopping";
    case State::failed: return "failed";
    }
    return "failed";
}

} // namespace odysseus::server
