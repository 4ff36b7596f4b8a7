// The guard role: this binary, started by itself with k_guard_role as its first argument, starts
// one program in a process group of its own and sees to it that the group does not outlive the
// program that asked for it (docs/supervision.md, "Death of odysseus"). POSIX systems only; Windows
// has job objects.
#pragma once

#include <optional>

namespace odysseus::system {

inline constexpr const char* k_guard_role = "--guard-role";

// Call it first in main, before anything is initialised: the exit code when this process is a
// guard, nothing otherwise.
[[nodiscard]] std::optional<int> guard_main(int argc, char** argv);

} // namespace odysseus::system
