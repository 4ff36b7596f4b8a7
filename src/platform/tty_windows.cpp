#include "odysseus/platform/tty.hpp"

#include <io.h>

namespace odysseus::platform {

bool is_terminal(Standard stream) {
    return _isatty(static_cast<int>(stream)) !=
           0; // 0, 1 and 2 are the C library's numbers for the three
}

} // namespace odysseus::platform
