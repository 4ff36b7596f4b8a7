// Process groups, where Linux and macOS differ: whether a parent adopts the orphans of its
// descendants (Linux) or only the group's number is left to ask for (macOS).
#pragma once

#include <sys/types.h>

namespace odysseus::system::group {

// Orphans among our descendants become our children, so that they can be waited for.
void adopt_orphans();
// In the child between fork and exec: die when `parent`, whose only thread made the fork, dies.
void die_with(pid_t parent);
// What ps and pkill call this process: not "odysseus", so that `pkill -9 odysseus` leaves its
// guard.
void name_this_process(const char* name);
void close_descriptors_from(int first);
// Signals the group, and on Linux also those of our children that left it (only in the guard, which
// has no other children).
void signal_all(pid_t number, int signal);
// True when no process of the group is left. Reaps those that are ours to reap; not the leader.
[[nodiscard]] bool is_gone(pid_t number);

} // namespace odysseus::system::group
