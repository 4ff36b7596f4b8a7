#include "odysseus/system/random_hex.hpp"

#include <random>

namespace odysseus::system {

std::string random_hex(std::size_t digits) {
    static constexpr char k_digits[] = "0123456789abcdef";
    std::random_device random;
    std::string text;
    text.reserve(digits);
    while (text.size() < digits)
        text += k_digits[random() % 16];
    return text;
}

} // namespace odysseus::system
