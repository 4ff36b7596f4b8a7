#include "error_text_windows.hpp"

#include "handle_windows.hpp"

#include "odysseus/base/text.hpp"

namespace odysseus::system {

std::string windows_error_text(unsigned long code) {
    wchar_t text[512] = {};
    auto length = ::FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS,
                                   nullptr, code, 0, text, 512, nullptr);
    while (length > 0 && (text[length - 1] <= L' ' || text[length - 1] == L'.'))
        text[--length] = 0;
    if (length == 0) return concat("Windows error ", code);
    return concat(narrow(text), " (Windows error ", code, ")");
}

} // namespace odysseus::system
