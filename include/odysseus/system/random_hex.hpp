// Names and keys that nobody can guess.
#pragma once

#include <cstddef>
#include <string>

namespace odysseus::system {

// So many digits (0-9, a-f) from the system's source of randomness.
[[nodiscard]] std::string random_hex(std::size_t digits);

} // namespace odysseus::system
