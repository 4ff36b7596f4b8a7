#include "odysseus/base/version.hpp"

namespace odysseus {

const char* version() {
    return ODYSSEUS_VERSION;
}

} // namespace odysseus
