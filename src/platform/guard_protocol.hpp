// What odysseus and its guard say to each other over one socket pair (descriptor k_channel in the
// guard). Both are the same binary of the same start, so plain structs will do.
//
//   odysseus -> guard   SpecHeader and that many bytes: strings, each ended by a NUL:
//                       executable, directory, number of arguments, arguments, environment
//                       Command, any number of times
//   guard -> odysseus   Report, any number of times; the last is `gone`
//
// End of file on either side: the other one is dead.
#pragma once

#include <cstdint>

namespace odysseus::platform::guard_protocol {

inline constexpr int k_channel = 3;
inline constexpr std::uint32_t k_spec_bytes_max = 1024 * 1024;

struct SpecHeader {
    std::uint32_t bytes = 0;
};

struct Command { // stop: TERM now, KILL after grace_ms
    std::uint32_t grace_ms = 0;
};

struct Report {
    enum Kind : std::int32_t { started, failed, exited, gone };
    std::int32_t kind = started;
    std::int32_t a = 0; // failed: Stage; exited: exit code
    std::int64_t b = 0; // started: process id; failed: errno; exited: signal
};

enum Stage : std::int32_t { stage_fork, stage_directory, stage_execute, stage_protocol };

} // namespace odysseus::platform::guard_protocol
