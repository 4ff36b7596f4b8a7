// For programs whose TLS is Mbed TLS (cmake/CrossDependencies.cmake), in place of the system's own
// file.
#include "odysseus/system/digest.hpp"

#include "odysseus/base/error.hpp"

#include <mbedtls/sha256.h>

namespace odysseus::system {

struct Sha256Digest::Native {
    mbedtls_sha256_context context{};
    Native() { mbedtls_sha256_init(&context); }
    Native(const Native&) = delete;
    Native& operator=(const Native&) = delete;
    ~Native() { mbedtls_sha256_free(&context); }
};

Sha256Digest::Sha256Digest() : m_native(std::make_unique<Native>()) {
    constexpr int not_sha224 = 0;
    if (mbedtls_sha256_starts(&m_native->context, not_sha224) != 0) {
        throw Error(Fault::bug, "Mbed TLS offers no SHA-256");
    }
}

Sha256Digest::~Sha256Digest() = default;
Sha256Digest::Sha256Digest(Sha256Digest&&) noexcept = default;
Sha256Digest& Sha256Digest::operator=(Sha256Digest&&) noexcept = default;

void Sha256Digest::add(const void* data, std::size_t bytes) {
    if (mbedtls_sha256_update(&m_native->context, static_cast<const unsigned char*>(data), bytes) !=
        0) {
        throw Error(Fault::bug, "Mbed TLS could not hash");
    }
}

Sha256Digest::Bytes Sha256Digest::finish() {
    Bytes bytes{};
    if (mbedtls_sha256_finish(&m_native->context, bytes.data()) != 0) {
        throw Error(Fault::bug, "Mbed TLS could not finish a digest");
    }
    return bytes;
}

} // namespace odysseus::system
