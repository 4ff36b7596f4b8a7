#include "tty.hpp"

#include <io.h>
#include <windows.h>

namespace odysseus::system {

bool is_terminal(Standard stream) {
    return _isatty(static_cast<int>(stream)) !=
           0; // 0, 1 and 2 are the C library's numbers for the three
}

std::size_t terminal_columns(Standard stream) {
    const auto handle = GetStdHandle(stream == Standard::output  ? STD_OUTPUT_HANDLE
                                     : stream == Standard::error ? STD_ERROR_HANDLE
                                                                 : STD_INPUT_HANDLE);
    CONSOLE_SCREEN_BUFFER_INFO info{};
    if (!GetConsoleScreenBufferInfo(handle, &info)) return 0;
    return static_cast<std::size_t>(info.srWindow.Right - info.srWindow.Left + 1);
}

// A console also wakes for keys that are no line yet; then the read waits, and Ctrl-C ends it.
bool input_waits(int limit_ms) {
    const auto input = GetStdHandle(STD_INPUT_HANDLE);
    return WaitForSingleObject(input, static_cast<DWORD>(limit_ms)) == WAIT_OBJECT_0;
}

} // namespace odysseus::system
