#include "progress_line.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/base/wrap.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace odysseus::system {
namespace {

constexpr std::size_t k_columns_unknown = 80;
constexpr std::size_t k_bar_most = 24;
constexpr std::size_t k_bar_least = 6;
constexpr std::size_t k_name_least = 8;

std::string bar(double share, std::size_t cells) {
    const auto full = static_cast<std::size_t>(share * static_cast<double>(cells));
    return "[" + std::string(full, '#') + std::string(cells - full, '.') + "] ";
}

} // namespace

std::string duration_text(double seconds) {
    const auto whole = static_cast<std::int64_t>(std::llround(seconds));
    if (whole >= 3600) return concat(whole / 3600, " h ", whole % 3600 / 60, " min");
    if (whole >= 60) return concat(whole / 60, " min ", whole % 60, " s");
    return concat(whole, " s");
}

std::string progress_line(const Progress& progress, std::size_t columns) {
    const auto room = (columns == 0 ? k_columns_unknown : columns) - 1;
    const auto total = progress.total_bytes.value_or(0);
    const auto share =
        total > 0 ? std::clamp(double(progress.done_bytes) / double(total), 0.0, 1.0) : 0.0;
    const auto rate = byte_text(static_cast<std::int64_t>(progress.bytes_per_s)) + "/s";
    std::string facts = total > 0 ? concat(static_cast<int>(share * 100), "% ",
                                           byte_text(progress.done_bytes), " of ", byte_text(total))
                                  : byte_text(progress.done_bytes);
    facts = concat(facts, ", ", rate);
    std::string left;
    if (total > 0 && !progress.last && progress.bytes_per_s > 0)
        left =
            concat(", ", duration_text(double(total - progress.done_bytes) / progress.bytes_per_s),
                   " left");
    // What goes first where there is little room: the time that is left, cells of the bar, the
    // name.
    const auto frame = characters("[] ");
    const auto name = characters(progress.what) + 1;
    const auto needs = [&](std::size_t cells) {
        return name + (total > 0 ? frame + cells : 0) + facts.size();
    };
    if (needs(k_bar_most) + left.size() > room) left.clear();
    auto cells = k_bar_most;
    while (cells > k_bar_least && needs(cells) > room)
        --cells;
    const auto drawn = total > 0 ? bar(share, cells) : std::string();
    const auto rest = drawn.size() + facts.size() + left.size();
    const auto shown = room > rest + 1 ? shortened(progress.what, room - rest - 1) : std::string();
    if (characters(shown) >= std::min(characters(progress.what), k_name_least))
        return concat(shown, " ", drawn, facts, left);
    return shortened(facts, room); // a very narrow one
}

} // namespace odysseus::system
