// What kernels tell a process of itself: Linux by its files, macOS by its clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::system {

// Where this process stands, from /proc/self/cgroup: "0::/path" (v2), "N:...memory...:/path" (v1).
struct CgroupPaths {
    std::optional<std::string> unified;
    std::optional<std::string> memory;
    std::optional<std::string> cpu;
};
[[nodiscard]] CgroupPaths cgroup_paths(std::string_view proc_self_cgroup);
// The levels of a control group's path, itself first: "/a/b" -> "/a/b", "/a", "".
[[nodiscard]] std::vector<std::string> cgroup_levels(std::string path);
// memory.max, memory.limit_in_bytes, memory.current ...: bytes; absent for "max" and for v1's
// "no limit" (near 2^63).
[[nodiscard]] std::optional<std::int64_t> cgroup_bytes(std::string_view text);

// Ticks of the Mach clock, each numer/denom nanoseconds long (mach_timebase_info).
[[nodiscard]] std::int64_t milliseconds_of_ticks(std::uint64_t ticks, std::uint32_t numer,
                                                 std::uint32_t denom);

} // namespace odysseus::system
