#include "odysseus/system/kernel_text.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <limits>

namespace odysseus::system {

std::vector<std::string> cgroup_levels(std::string path) {
    std::vector<std::string> out;
    while (path.size() > 1) {
        out.push_back(path);
        path.resize(path.rfind('/'));
    }
    out.emplace_back();
    return out;
}

CgroupPaths cgroup_paths(std::string_view proc_self_cgroup) {
    CgroupPaths paths;
    for (const auto line : lines_of(proc_self_cgroup)) {
        const auto first = line.find(':');
        const auto second = line.find(':', first == std::string_view::npos ? first : first + 1);
        if (second == std::string_view::npos) continue;
        const auto controllers = split(line.substr(first + 1, second - first - 1), ',');
        const std::string path(line.substr(second + 1));
        if (path.empty() || path.front() != '/' || path.find("/..") != std::string::npos) continue;
        if (line.substr(0, second + 1) == "0::") paths.unified = path;
        for (const auto controller : controllers) {
            if (controller == "memory") paths.memory = path;
            if (controller == "cpu") paths.cpu = path;
        }
    }
    return paths;
}

std::optional<std::int64_t> cgroup_bytes(std::string_view text) {
    const auto bytes = parsed_int(trimmed(text));
    constexpr auto k_no_limit = std::numeric_limits<std::int64_t>::max() / 2;
    if (!bytes || *bytes < 0 || *bytes > k_no_limit) return std::nullopt;
    return bytes;
}

std::int64_t milliseconds_of_ticks(std::uint64_t ticks, std::uint32_t numer, std::uint32_t denom) {
    if (denom == 0) return 0;
    constexpr std::uint64_t k_nanoseconds = 1'000'000; // in a millisecond
    const std::uint64_t unit = denom * k_nanoseconds;
    return static_cast<std::int64_t>(ticks / unit * numer + ticks % unit * numer / unit);
}

} // namespace odysseus::system
