#include "odysseus/download/sha256.hpp"

namespace odysseus::download {

void Sha256::add(const void* data, std::size_t bytes) {
    m_digest.add(data, bytes);
}

std::string Sha256::hex() {
    static constexpr char k_hex[] = "0123456789abcdef";
    std::string text;
    for (const unsigned char byte : m_digest.finish()) {
        text += k_hex[byte >> 4];
        text += k_hex[byte & 15];
    }
    return text;
}

std::string sha256_of(std::string_view data) {
    Sha256 digest;
    digest.add(data.data(), data.size());
    return digest.hex();
}

} // namespace odysseus::download
