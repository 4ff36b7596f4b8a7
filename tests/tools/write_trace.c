/* A library for LD_PRELOAD that notes what a process changes on the disk below a folder.
 *
 *   TRACE_ROOT=DIR    only what lies below it
 *   TRACE_FILE=FILE   gets a line for each change, in the order in which they were made: the call, and its words, a tab between
 *                     them; paths are relative to TRACE_ROOT, bytes are in hexadecimal
 *
 * Children inherit TRACE_OWNER, and are not traced. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name) __typeof__(&name) name##_real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static FILE* trace;
static pid_t owner;

__attribute__((constructor)) static void begin(void) {
    const char* const below = getenv("TRACE_ROOT");
    const char* const file = getenv("TRACE_FILE");
    if (!below || !file || getenv("TRACE_OWNER") || !realpath(below, root)) return;
    setenv("TRACE_OWNER", "1", 1);
    owner = getpid();
    trace = fopen(file, "ae");
}

static const char* without_root(const char* whole) {
    const size_t length = strlen(root);
    return strncmp(whole, root, length) == 0 && whole[length] == '/' ? whole + length + 1 : NULL;
}

/* The path below the root, without the root; null: it is none, or the process is not traced. */
static const char* below_root(int folder, const char* path, char* whole) {
    if (!trace || owner != getpid() || !path) return NULL;
    if (path[0] == '/') {
        snprintf(whole, PATH_MAX, "%s", path);
    } else {
        char link[64], at[PATH_MAX / 2];
        if (folder == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
        else snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        const ssize_t length = readlink(link, at, sizeof at - 1);
        if (length < 0) return NULL;
        at[length] = 0;
        snprintf(whole, PATH_MAX, "%s/%.2000s", at, path);
    }
    return without_root(whole);
}
static const char* of_descriptor(int fd, char* whole) {
    if (!trace || owner != getpid()) return NULL;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t length = readlink(link, whole, PATH_MAX - 1);
    if (length < 0) return NULL;
    whole[length] = 0;
    return without_root(whole);
}

static void note(const char* call, const char* a, const char* b) {
    const int error = errno;
    pthread_mutex_lock(&turn);
    fprintf(trace, "%s\t%s\t%s\n", call, a, b ? b : "");
    fflush(trace);
    pthread_mutex_unlock(&turn);
    errno = error;
}

static void note_open(int folder, const char* path, int flags) {
    char whole[PATH_MAX];
    const int error = errno;
    const char* const name = below_root(folder, path, whole);
    if (name && (flags & O_CREAT)) note("create", name, NULL);
    if (name && (flags & O_TRUNC)) note("empty", name, NULL);
    errno = error;
}
#define OPENS(function)                                                         \
    int function(const char* path, int flags, ...) {                            \
        REAL(function);                                                         \
        va_list more;                                                           \
        va_start(more, flags);                                                  \
        const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(more, int) : 0; \
        va_end(more);                                                           \
        const int fd = function##_real(path, flags, mode);                      \
        if (fd >= 0) note_open(AT_FDCWD, path, flags);                          \
        return fd;                                                              \
    }
OPENS(open)
OPENS(open64)
#define OPENS_STREAM(function)                                                  \
    FILE* function(const char* restrict path, const char* restrict how) {       \
        REAL(function);                                                         \
        FILE* const file = function##_real(path, how);                          \
        if (file && how[0] != 'r') note_open(AT_FDCWD, path, how[0] == 'w' ? O_CREAT | O_TRUNC : O_CREAT); \
        return file;                                                            \
    }
OPENS_STREAM(fopen)
OPENS_STREAM(fopen64)

ssize_t write(int fd, const void* from, size_t n) {
    REAL(write);
    char whole[PATH_MAX];
    const char* const name = of_descriptor(fd, whole);
    const off_t at = name ? lseek(fd, 0, SEEK_CUR) : 0;
    const ssize_t done = write_real(fd, from, n);
    if (!name || done <= 0) return done;
    char* const text = malloc((size_t)done * 2 + 40);
    if (!text) abort();
    char* end = text + sprintf(text, "%lld\t", (long long)at);
    for (ssize_t i = 0; i < done; ++i) end += sprintf(end, "%02x", ((const unsigned char*)from)[i]);
    note("write", name, text);
    free(text);
    return done;
}
int fsync(int fd) {
    REAL(fsync);
    char whole[PATH_MAX];
    const char* const name = of_descriptor(fd, whole);
    const int done = fsync_real(fd);
    if (name && done == 0) note("fsync", name, NULL);
    return done;
}
int rename(const char* from, const char* to) {
    REAL(rename);
    char a[PATH_MAX], b[PATH_MAX];
    const char* const name = below_root(AT_FDCWD, from, a);
    const char* const other = below_root(AT_FDCWD, to, b);
    const int done = rename_real(from, to);
    if (name && other && done == 0) note("rename", name, other);
    return done;
}
static int removed(const char* call, int folder, const char* path, int done) {
    char whole[PATH_MAX];
    const char* const name = done == 0 ? below_root(folder, path, whole) : NULL;
    if (name) note(call, name, NULL);
    return done;
}
int unlink(const char* path) {
    REAL(unlink);
    return removed("remove", AT_FDCWD, path, unlink_real(path));
}
int rmdir(const char* path) {
    REAL(rmdir);
    return removed("remove", AT_FDCWD, path, rmdir_real(path));
}
int remove(const char* path) {
    REAL(remove);
    return removed("remove", AT_FDCWD, path, remove_real(path));
}
int unlinkat(int folder, const char* path, int flags) {
    REAL(unlinkat);
    return removed("remove", folder, path, unlinkat_real(folder, path, flags));
}
int mkdir(const char* path, mode_t mode) {
    REAL(mkdir);
    return removed("folder", AT_FDCWD, path, mkdir_real(path, mode));
}
static int changed_mode(const char* name, mode_t mode, int done) {
    char text[16];
    snprintf(text, sizeof text, "%o", (unsigned)mode);
    if (name && done == 0) note("mode", name, text);
    return done;
}
int chmod(const char* path, mode_t mode) {
    REAL(chmod);
    char whole[PATH_MAX];
    return changed_mode(below_root(AT_FDCWD, path, whole), mode, chmod_real(path, mode));
}
int fchmodat(int folder, const char* path, mode_t mode, int flags) {
    REAL(fchmodat);
    char whole[PATH_MAX];
    return changed_mode(below_root(folder, path, whole), mode, fchmodat_real(folder, path, mode, flags));
}
int fchmod(int fd, mode_t mode) {
    REAL(fchmod);
    char whole[PATH_MAX];
    return changed_mode(of_descriptor(fd, whole), mode, fchmod_real(fd, mode));
}
