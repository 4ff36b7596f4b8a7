#pragma once

#include <string>

namespace odysseus::system {

// What Windows says of an error number, and the number: "Access is denied (Windows error 5)". Its
// own words, for not every C++ library asks Windows for them.
[[nodiscard]] std::string windows_error_text(unsigned long code);

} // namespace odysseus::system
