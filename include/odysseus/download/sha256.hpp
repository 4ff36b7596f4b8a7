// Incremental SHA-256 over libcrypto.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace odysseus::download {

class Sha256 {
  public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;

    void add(const void* data, std::size_t bytes);
    // 64 lower-case hexadecimal digits. Once; nothing may be added afterwards.
    [[nodiscard]] std::string hex();

  private:
    struct Context;
    std::unique_ptr<Context> m_context;
};

[[nodiscard]] std::string sha256_of(std::string_view data);

} // namespace odysseus::download
