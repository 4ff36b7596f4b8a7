#include "tty.hpp"

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

} // namespace odysseus::system
