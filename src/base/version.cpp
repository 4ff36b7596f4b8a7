#include "odysseus/logic/version.hpp"

namespace odysseus {

const char* version() {
    return ODYSSEUS_VERSION;
}

} // namespace odysseus
