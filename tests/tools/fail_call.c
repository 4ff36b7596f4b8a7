/* A library for LD_PRELOAD that makes the n-th call of one function fail, in the one process that loads it first.
 *
 *   FAIL_CALL=accept4   which function
 *   FAIL_AT=N           which call of it, from 1 on; 0: none, they are only counted
 *   FAIL_RUN=N          how many calls in a row fail from there on (1)
 *   FAIL_ERRNO=N        with this errno
 *   FAIL_COUNTS=FILE    holds the number of calls of each function so far: 64-bit numbers in the order of `names`
 *
 * Children inherit FAIL_OWNER with the process's number, and leave everything as it is. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

enum call { ACCEPT, ACCEPT4, SOCKET, CONNECT, READ, WRITE, READV, WRITEV, RECVMSG, SENDMSG, RECV, SEND, EPOLL_CTL, OPEN, PIPE2,
            EVENTFD, TIMERFD, THREAD, BIND, LISTEN, FSYNC, RENAME, CALLS };
static const char* const names[CALLS] = {"accept", "accept4", "socket", "connect", "read", "write", "readv", "writev", "recvmsg",
                                         "sendmsg", "recv", "send", "epoll_ctl", "open", "pipe2", "eventfd", "timerfd_create",
                                         "pthread_create", "bind", "listen", "fsync", "rename"};
static atomic_long own_counts[CALLS];
static atomic_long* counts = own_counts;
static int failing = -1;
static long fail_at, fail_run = 1;
static int fail_errno = EMFILE;
static pid_t owner;

__attribute__((constructor)) static void begin(void) {
    if (getenv("FAIL_OWNER")) return;
    char number[32];
    owner = getpid();
    snprintf(number, sizeof number, "%d", (int)owner);
    setenv("FAIL_OWNER", number, 1);
    const char* const name = getenv("FAIL_CALL");
    for (int i = 0; name && i < CALLS; ++i)
        if (!strcmp(name, names[i])) failing = i;
    if (getenv("FAIL_AT")) fail_at = atol(getenv("FAIL_AT"));
    if (getenv("FAIL_RUN")) fail_run = atol(getenv("FAIL_RUN"));
    if (getenv("FAIL_ERRNO")) fail_errno = atoi(getenv("FAIL_ERRNO"));
    const char* const path = getenv("FAIL_COUNTS");
    FILE* const file = path ? fopen(path, "w+") : NULL;
    if (!file) return;
    if (ftruncate(fileno(file), sizeof own_counts) == 0) {
        void* const shared = mmap(NULL, sizeof own_counts, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
        if (shared != MAP_FAILED) counts = shared;
    }
    fclose(file);
}

static int fails(enum call call) {
    if (owner == 0 || owner != getpid()) return 0; /* between fork and exec */
    const long number = atomic_fetch_add(&counts[call], 1) + 1;
    if ((int)call != failing || fail_at == 0 || number < fail_at || number >= fail_at + fail_run) return 0;
    errno = fail_errno;
    return 1;
}

#define REAL(name) __typeof__(&name) name##_real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

int accept(int fd, struct sockaddr* restrict a, socklen_t* restrict n) {
    REAL(accept);
    return fails(ACCEPT) ? -1 : accept_real(fd, a, n);
}
int accept4(int fd, struct sockaddr* restrict a, socklen_t* restrict n, int flags) {
    REAL(accept4);
    return fails(ACCEPT4) ? -1 : accept4_real(fd, a, n, flags);
}
int socket(int domain, int type, int protocol) {
    REAL(socket);
    return fails(SOCKET) ? -1 : socket_real(domain, type, protocol);
}
int connect(int fd, const struct sockaddr* a, socklen_t n) {
    REAL(connect);
    return fails(CONNECT) ? -1 : connect_real(fd, a, n);
}
int bind(int fd, const struct sockaddr* a, socklen_t n) {
    REAL(bind);
    return fails(BIND) ? -1 : bind_real(fd, a, n);
}
int listen(int fd, int backlog) {
    REAL(listen);
    return fails(LISTEN) ? -1 : listen_real(fd, backlog);
}
ssize_t read(int fd, void* to, size_t n) {
    REAL(read);
    return fails(READ) ? -1 : read_real(fd, to, n);
}
/* An eventfd or a timerfd: neither is full, nor is its disk. */
static int is_plumbing(int fd) {
    struct stat what;
    const int error = errno;
    const int known = fstat(fd, &what) == 0;
    errno = error;
    return known && (what.st_mode & S_IFMT) == 0;
}
ssize_t write(int fd, const void* from, size_t n) {
    REAL(write);
    return !is_plumbing(fd) && fails(WRITE) ? -1 : write_real(fd, from, n);
}
ssize_t readv(int fd, const struct iovec* v, int n) {
    REAL(readv);
    return fails(READV) ? -1 : readv_real(fd, v, n);
}
ssize_t writev(int fd, const struct iovec* v, int n) {
    REAL(writev);
    return fails(WRITEV) ? -1 : writev_real(fd, v, n);
}
ssize_t recvmsg(int fd, struct msghdr* m, int flags) {
    REAL(recvmsg);
    return fails(RECVMSG) ? -1 : recvmsg_real(fd, m, flags);
}
ssize_t sendmsg(int fd, const struct msghdr* m, int flags) {
    REAL(sendmsg);
    return fails(SENDMSG) ? -1 : sendmsg_real(fd, m, flags);
}
ssize_t recv(int fd, void* to, size_t n, int flags) {
    REAL(recv);
    return fails(RECV) ? -1 : recv_real(fd, to, n, flags);
}
ssize_t send(int fd, const void* from, size_t n, int flags) {
    REAL(send);
    return fails(SEND) ? -1 : send_real(fd, from, n, flags);
}
int epoll_ctl(int fd, int what, int of, struct epoll_event* event) {
    REAL(epoll_ctl);
    return fails(EPOLL_CTL) ? -1 : epoll_ctl_real(fd, what, of, event);
}
static int opened(const char* function, const char* path, int flags, mode_t mode) {
    int (*const open_real)(const char*, int, ...) = (int (*)(const char*, int, ...))dlsym(RTLD_NEXT, function);
    return fails(OPEN) ? -1 : open_real(path, flags, mode);
}
static mode_t mode_of(int flags, va_list more) {
    return flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(more, int) : 0;
}
int open(const char* path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const mode_t mode = mode_of(flags, more);
    va_end(more);
    return opened("open", path, flags, mode);
}
int open64(const char* path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const mode_t mode = mode_of(flags, more);
    va_end(more);
    return opened("open64", path, flags, mode);
}
int pipe2(int fds[2], int flags) {
    REAL(pipe2);
    return fails(PIPE2) ? -1 : pipe2_real(fds, flags);
}
int eventfd(unsigned first, int flags) {
    REAL(eventfd);
    return fails(EVENTFD) ? -1 : eventfd_real(first, flags);
}
int timerfd_create(int clock, int flags) {
    REAL(timerfd_create);
    return fails(TIMERFD) ? -1 : timerfd_create_real(clock, flags);
}
int fsync(int fd) {
    REAL(fsync);
    return fails(FSYNC) ? -1 : fsync_real(fd);
}
int rename(const char* from, const char* to) {
    REAL(rename);
    return fails(RENAME) ? -1 : rename_real(from, to);
}
int pthread_create(pthread_t* thread, const pthread_attr_t* how, void* (*work)(void*), void* with) {
    REAL(pthread_create);
    return fails(THREAD) ? fail_errno : pthread_create_real(thread, how, work, with);
}
