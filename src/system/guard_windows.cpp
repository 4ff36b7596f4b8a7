#include "odysseus/system/guard.hpp"

namespace odysseus::system {

std::optional<int> guard_main(int, char**) {
    return std::nullopt; // the job object does its work
}

} // namespace odysseus::system
