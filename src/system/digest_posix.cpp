#include "odysseus/system/digest.hpp"

#include "odysseus/base/error.hpp"

#include <openssl/evp.h>

namespace odysseus::system {

struct Sha256Digest::Native {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    Native() = default;
    Native(const Native&) = delete;
    Native& operator=(const Native&) = delete;
    ~Native() { EVP_MD_CTX_free(context); }
};

Sha256Digest::Sha256Digest() : m_native(std::make_unique<Native>()) {
    if (m_native->context == nullptr ||
        EVP_DigestInit_ex(m_native->context, EVP_sha256(), nullptr) != 1) {
        throw Error(Fault::bug, "libcrypto offers no SHA-256");
    }
}

Sha256Digest::~Sha256Digest() = default;
Sha256Digest::Sha256Digest(Sha256Digest&&) noexcept = default;
Sha256Digest& Sha256Digest::operator=(Sha256Digest&&) noexcept = default;

void Sha256Digest::add(const void* data, std::size_t bytes) {
    if (EVP_DigestUpdate(m_native->context, data, bytes) != 1) {
        throw Error(Fault::bug, "libcrypto could not hash");
    }
}

Sha256Digest::Bytes Sha256Digest::finish() {
    Bytes bytes{};
    unsigned int size = 0;
    if (EVP_DigestFinal_ex(m_native->context, bytes.data(), &size) != 1 || size != bytes.size()) {
        throw Error(Fault::bug, "libcrypto could not finish a digest");
    }
    return bytes;
}

} // namespace odysseus::system
