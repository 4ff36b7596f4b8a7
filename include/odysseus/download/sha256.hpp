// Incremental SHA-256, as text.
#pragma once

#include "odysseus/system/digest.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace odysseus::download {

class Sha256 {
  public:
    void add(const void* data, std::size_t bytes);
    // 64 lower-case hexadecimal digits. Once; nothing may be added afterwards.
    [[nodiscard]] std::string hex();

  private:
    system::Sha256Digest m_digest;
};

[[nodiscard]] std::string sha256_of(std::string_view data);

} // namespace odysseus::download
