// From what a process writes to lines that can be shown and logged anywhere.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::server {

inline constexpr std::size_t k_line_bytes_max = std::size_t{8} * 1024;

// Bytes in, lines out. What is longer than k_line_bytes_max is cut; what is no UTF-8 or a control
// character becomes U+FFFD, colour sequences go, so that a line can be shown and logged anywhere.
class LineSplitter {
  public:
    [[nodiscard]] std::vector<std::string> feed(std::string_view bytes);
    [[nodiscard]] std::optional<std::string> rest(); // at the end: a line without its newline

  private:
    std::string m_line;
    bool m_cut = false;
};

[[nodiscard]] std::string readable(std::string_view bytes);

} // namespace odysseus::server
