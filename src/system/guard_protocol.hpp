// What odysseus and its guard say to each other over one socket pair (descriptor k_channel in the
// guard). Both are the same binary of the same start, so plain structs will do.
//
//   odysseus -> guard   Order{start, bytes} and that many bytes: strings, each ended by a NUL:
//                       executable, directory, number of arguments, arguments, environment
//                       Order{stop, grace in ms}, any number of times
//   guard -> odysseus   Report, any number of times; `gone` is a child's last, and the guard is
//                       ready for the next start. After `failed` it is, too.
//
// End of file on either side: the other one is dead.
#pragma once

#include <cstdint>

namespace odysseus::system::guard_protocol {

inline constexpr int k_channel = 3;
inline constexpr std::uint32_t k_spec_bytes_max = 1024 * 1024;

struct Order {
    enum Kind : std::uint32_t { start, stop };
    std::uint32_t kind = start;
    std::uint32_t value = 0;
};

struct Report {
    enum Kind : std::int32_t { started, failed, exited, gone };
    std::int32_t kind = started;
    std::int32_t a = 0; // failed: Stage; exited: exit code
    std::int64_t b = 0; // started: process id; failed: errno; exited: signal
};

enum Stage : std::int32_t { stage_fork, stage_directory, stage_execute, stage_protocol };

} // namespace odysseus::system::guard_protocol
