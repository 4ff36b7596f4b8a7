#include "group.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace odysseus::system::group {

void adopt_orphans() {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void die_with(pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127); // it died before the line above
}

void name_this_process(const char* name) {
    ::prctl(PR_SET_NAME, name);
}

void close_descriptors_from(int first) {
#ifdef SYS_close_range // Linux 5.9
    if (::syscall(SYS_close_range, first, ~0U, 0) == 0) return;
#endif
    const long most = ::sysconf(_SC_OPEN_MAX);
    for (int fd = first; fd < (most > 0 && most < 65536 ? most : 65536); ++fd)
        ::close(fd);
}

namespace {

// Children that left the group (setsid), from the kernel's own list of our main thread's children.
void signal_children(int signal) {
    char name[64];
    std::snprintf(name, sizeof name, "/proc/self/task/%d/children", ::getpid());
    std::FILE* list = std::fopen(name, "re");
    if (list == nullptr) return; // a kernel without CONFIG_PROC_CHILDREN
    for (int child = 0; std::fscanf(list, "%d", &child) == 1;) {
        if (child > 1) ::kill(child, signal);
    }
    std::fclose(list);
}

} // namespace

void signal_all(pid_t number, int signal) {
    ::kill(-number, signal);
    signal_children(signal);
}

bool is_gone(pid_t number) {
    // The leader, if it is still to be waited for, belongs to the caller: WNOWAIT looks without
    // reaping.
    for (;;) {
        siginfo_t info{};
        if (::waitid(P_PGID, static_cast<id_t>(number), &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
            if (errno == EINTR) continue;
            break; // ECHILD: none of ours is in the group
        }
        if (info.si_pid == 0) return false; // alive
        if (info.si_pid == number) return false;
        ::waitpid(info.si_pid, nullptr, WNOHANG);
    }
    return ::kill(-number, 0) != 0 && errno == ESRCH;
}

} // namespace odysseus::system::group
