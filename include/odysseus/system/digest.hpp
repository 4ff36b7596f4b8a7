// SHA-256 by the system's own library where it has one (Windows), else by OpenSSL's.
#pragma once

#include <array>
#include <cstddef>
#include <memory>

namespace odysseus::system {

class Sha256Digest {
  public:
    using Bytes = std::array<unsigned char, 32>;
    Sha256Digest();
    ~Sha256Digest();
    Sha256Digest(Sha256Digest&&) noexcept;
    Sha256Digest& operator=(Sha256Digest&&) noexcept;

    void add(const void* data, std::size_t bytes);
    // Once; nothing may be added afterwards.
    [[nodiscard]] Bytes finish();

  private:
    struct Native;
    std::unique_ptr<Native> m_native;
};

} // namespace odysseus::system
