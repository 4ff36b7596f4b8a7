#include "group.hpp"

#include <cerrno>
#include <csignal>
#include <unistd.h>

namespace odysseus::system::group {

// launchd adopts orphans and reaps them at once: the group's number says whether one is left.
void adopt_orphans() {}

// No equivalent; odysseus and the guard watch each other instead.
void die_with(pid_t) {}

void name_this_process(const char*) {} // argv[0] has to do

void close_descriptors_from(int first) {
    const long most = ::sysconf(_SC_OPEN_MAX);
    for (int fd = first; fd < (most > 0 && most < 65536 ? most : 65536); ++fd)
        ::close(fd);
}

void signal_all(pid_t number, int signal) {
    ::kill(-number, signal);
}

bool is_gone(pid_t number) {
    // EPERM: only zombies that others have to reap are left.
    return ::kill(-number, 0) != 0 && (errno == ESRCH || errno == EPERM);
}

} // namespace odysseus::system::group
