#include "odysseus/system/digest.hpp"

#include "odysseus/base/error.hpp"

#include <algorithm>
#include <windows.h>
// After windows.h, whose types it uses.
#include <bcrypt.h>

namespace odysseus::system {

struct Sha256Digest::Native {
    BCRYPT_ALG_HANDLE algorithm = nullptr;
    BCRYPT_HASH_HANDLE hash = nullptr;
    Native() = default;
    Native(const Native&) = delete;
    Native& operator=(const Native&) = delete;
    ~Native() {
        if (hash != nullptr) ::BCryptDestroyHash(hash);
        if (algorithm != nullptr) ::BCryptCloseAlgorithmProvider(algorithm, 0);
    }
};

Sha256Digest::Sha256Digest() : m_native(std::make_unique<Native>()) {
    if (!BCRYPT_SUCCESS(::BCryptOpenAlgorithmProvider(&m_native->algorithm, BCRYPT_SHA256_ALGORITHM,
                                                      nullptr, 0)) ||
        !BCRYPT_SUCCESS(
            ::BCryptCreateHash(m_native->algorithm, &m_native->hash, nullptr, 0, nullptr, 0, 0))) {
        throw Error(Fault::bug, "Windows offers no SHA-256");
    }
}

Sha256Digest::~Sha256Digest() = default;
Sha256Digest::Sha256Digest(Sha256Digest&&) noexcept = default;
Sha256Digest& Sha256Digest::operator=(Sha256Digest&&) noexcept = default;

void Sha256Digest::add(const void* data, std::size_t bytes) {
    constexpr std::size_t k_piece_bytes_max = 1U << 30;
    // BCrypt reads only, but asks for a pointer that it could write through.
    auto* next = static_cast<unsigned char*>(const_cast<void*>(data));
    while (bytes > 0) {
        const auto piece = std::min(bytes, k_piece_bytes_max);
        if (!BCRYPT_SUCCESS(::BCryptHashData(m_native->hash, next, static_cast<ULONG>(piece), 0))) {
            throw Error(Fault::bug, "Windows could not hash");
        }
        next += piece;
        bytes -= piece;
    }
}

Sha256Digest::Bytes Sha256Digest::finish() {
    Bytes bytes{};
    if (!BCRYPT_SUCCESS(::BCryptFinishHash(m_native->hash, bytes.data(),
                                           static_cast<ULONG>(bytes.size()), 0))) {
        throw Error(Fault::bug, "Windows could not finish a digest");
    }
    return bytes;
}

} // namespace odysseus::system
