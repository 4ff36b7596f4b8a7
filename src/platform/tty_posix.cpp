#include "odysseus/platform/tty.hpp"

#include <unistd.h>

namespace odysseus::platform {

bool is_terminal(Standard stream) {
    switch (stream) {
    case Standard::input: return isatty(STDIN_FILENO) == 1;
    case Standard::output: return isatty(STDOUT_FILENO) == 1;
    case Standard::error: return isatty(STDERR_FILENO) == 1;
    }
    return false;
}

} // namespace odysseus::platform
