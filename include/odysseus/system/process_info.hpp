// What the system tells about a running process. Absent: no such process, or the system does not
// say.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::system {

// Who a process is, beyond a number that is given away again: when it began (in the system's own
// words, good for comparing, and different after a reboot) and which program it runs.
struct ProcessIdentity {
    std::int64_t pid = 0;
    std::string started;
    std::string executable;
};
[[nodiscard]] std::optional<ProcessIdentity> process_identity(std::int64_t pid);
[[nodiscard]] std::int64_t own_pid();

// The members of a process group (POSIX; elsewhere only the process itself).
[[nodiscard]] std::vector<std::int64_t> group_members(std::int64_t group);
// Processor time that the members of a group have used, in milliseconds.
[[nodiscard]] std::optional<std::int64_t> group_cpu_ms(std::int64_t group);

// How much address space the process may have (ulimit -v), in bytes; absent: no limit.
[[nodiscard]] std::optional<std::int64_t> address_space_limit(std::int64_t pid);

// Memory that a new allocation can certainly not exceed: all that is installed, or that this
// container or control group may have. Bytes. `root` is where the system's files are (Linux).
[[nodiscard]] std::optional<std::int64_t> memory_ceiling(const std::filesystem::path& root = "/");

// Memory that is free or can be freed at once. Bytes.
[[nodiscard]] std::optional<std::int64_t> memory_free();

// How often the kernel has killed a process of our own control group for want of memory. Absent
// where there is no such count: a kill elsewhere on the machine says nothing about us.
[[nodiscard]] std::optional<std::int64_t> memory_kills(const std::filesystem::path& root = "/");

// Ends a process, at once. Nothing happens when there is none.
void kill_process(std::int64_t pid);

} // namespace odysseus::system
