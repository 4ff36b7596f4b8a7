// The row of a progress bar, as wide as the terminal lets it be: one that is wider would begin a
// new row with every redraw.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace odysseus::system {

struct Progress {
    std::string what; // "model.gguf"
    std::int64_t done_bytes = 0;
    std::optional<std::int64_t> total_bytes;
    double bytes_per_s = 0;
    bool last = false; // nothing is left, so no time is told
};
// `columns` of the terminal; 0: not known. Never wider than `columns` - 1.
[[nodiscard]] std::string progress_line(const Progress& progress, std::size_t columns);

// "1 h 5 min", "3 min 7 s", "12 s".
[[nodiscard]] std::string duration_text(double seconds);

} // namespace odysseus::system
