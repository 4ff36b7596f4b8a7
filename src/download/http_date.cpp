#include "odysseus/download/http_date.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>

namespace odysseus::download {
namespace {

std::optional<std::int64_t> in_range(std::string_view text, std::int64_t least, std::int64_t most) {
    const auto number = parsed_int(text);
    return number && *number >= least && *number <= most ? number : std::nullopt;
}

} // namespace

std::optional<std::int64_t> http_date_s(std::string_view text) {
    constexpr std::array<std::string_view, 12> k_months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto parts = split(trimmed(text), ' ');
    if (parts.size() != 6 || parts[5] != "GMT" || !parts[0].ends_with(',')) return std::nullopt;
    const auto month = std::find(k_months.begin(), k_months.end(), parts[2]);
    const auto clock = split(parts[4], ':');
    const auto day = in_range(parts[1], 1, 31);
    const auto year = in_range(parts[3], 1970, 9999);
    if (month == k_months.end() || clock.size() != 3 || !day || !year) return std::nullopt;
    const auto hours = in_range(clock[0], 0, 23);
    const auto minutes = in_range(clock[1], 0, 59);
    const auto seconds = in_range(clock[2], 0, 60); // a leap second
    if (!hours || !minutes || !seconds) return std::nullopt;
    const auto date = std::chrono::year_month_day(
        std::chrono::year(static_cast<int>(*year)),
        std::chrono::month(static_cast<unsigned>(std::distance(k_months.begin(), month) + 1)),
        std::chrono::day(static_cast<unsigned>(*day)));
    if (!date.ok()) return std::nullopt;
    const auto days = std::chrono::sys_days(date).time_since_epoch().count();
    return static_cast<std::int64_t>(days) * 86400 + *hours * 3600 + *minutes * 60 + *seconds;
}

} // namespace odysseus::download
