#include "tty.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace odysseus::system {

namespace {

int descriptor_of(Standard stream) {
    switch (stream) {
    case Standard::input: return STDIN_FILENO;
    case Standard::output: return STDOUT_FILENO;
    case Standard::error: break;
    }
    return STDERR_FILENO;
}

} // namespace

bool is_terminal(Standard stream) {
    return isatty(descriptor_of(stream)) == 1;
}

std::size_t terminal_columns(Standard stream) {
    winsize size{};
    return ioctl(descriptor_of(stream), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

bool input_waits(int limit_ms) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    return ::poll(&input, 1, limit_ms) > 0;
}

} // namespace odysseus::system
