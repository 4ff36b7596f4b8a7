#include "odysseus/download/sha256.hpp"

#include "odysseus/base/error.hpp"

#include <openssl/evp.h>

namespace odysseus::download {

struct Sha256::Context {
    EVP_MD_CTX* native = EVP_MD_CTX_new();
    Context() = default;
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    ~Context() { EVP_MD_CTX_free(native); }
};

Sha256::Sha256() : m_context(std::make_unique<Context>()) {
    if (m_context->native == nullptr ||
        EVP_DigestInit_ex(m_context->native, EVP_sha256(), nullptr) != 1) {
        throw Error(Fault::bug, "libcrypto offers no SHA-256");
    }
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::add(const void* data, std::size_t bytes) {
    if (EVP_DigestUpdate(m_context->native, data, bytes) != 1) {
        throw Error(Fault::bug, "libcrypto could not hash");
    }
}

std::string Sha256::hex() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (EVP_DigestFinal_ex(m_context->native, digest, &size) != 1) {
        throw Error(Fault::bug, "libcrypto could not finish a digest");
    }
    static constexpr char k_hex[] = "0123456789abcdef";
    std::string text;
    for (unsigned int i = 0; i < size; ++i) {
        text += k_hex[digest[i] >> 4];
        text += k_hex[digest[i] & 15];
    }
    return text;
}

std::string sha256_of(std::string_view data) {
    Sha256 digest;
    digest.add(data.data(), data.size());
    return digest.hex();
}

} // namespace odysseus::download
