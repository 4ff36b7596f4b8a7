#include "odysseus/system/files.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace odysseus::system {

namespace fs = std::filesystem;

namespace {

// Takes errno at once: building the sentence may change it.
[[noreturn]] void fail(std::string_view doing, const fs::path& file) {
    const auto reason = std::generic_category().message(errno);
    throw Error(Fault::usage, concat(doing, " ", utf8(file), ": ", reason));
}

void flush(int descriptor, const fs::path& file) {
    int result = 0;
#ifdef F_FULLFSYNC // macOS: fsync alone leaves the data in the drive's own cache
    result = ::fcntl(descriptor, F_FULLFSYNC);
    if (result != 0) result = ::fsync(descriptor);
#else
    result = ::fsync(descriptor);
#endif
    // A file system that cannot (EINVAL on some network and FUSE ones) is no reason to stop.
    if (result != 0 && errno != EINVAL && errno != ENOTSUP) fail("flushing", file);
}

void flush_path(const fs::path& file, int flags) {
    const int descriptor = ::open(file.c_str(), flags | O_CLOEXEC);
    if (descriptor < 0) fail("opening", file);
    try {
        flush(descriptor, file);
    } catch (...) {
        ::close(descriptor);
        throw;
    }
    ::close(descriptor);
}

} // namespace

void make_executable(const fs::path& file) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) fail("reading", file);
    // Executable for everyone who may read it.
    const mode_t mode = (status.st_mode & 0777) | ((status.st_mode & 0444) >> 2);
    if (::chmod(file.c_str(), mode) != 0 && errno != EPERM && errno != ENOTSUP) {
        fail("making executable", file); // exFAT and vfat have no bits, and say EPERM
    }
}

bool may_run(const fs::path& file) {
    return ::access(file.c_str(), X_OK) == 0;
}

void replace_file(const fs::path& from, const fs::path& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) fail("renaming a new file to", to);
}

void sync_file(const fs::path& file) {
    flush_path(file, O_RDONLY);
}

void sync_directory(const fs::path& directory) {
    flush_path(directory.empty() ? fs::path(".") : directory, O_RDONLY | O_DIRECTORY);
}

OutputFile::OutputFile(const fs::path& file, Mode mode) : m_file(file) {
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC;
    if (mode == Mode::create_new) flags |= O_EXCL;
    if (mode == Mode::truncate) flags |= O_TRUNC;
    if (mode == Mode::append) flags |= O_APPEND;
    m_native = ::open(file.c_str(), flags, 0644);
    if (m_native < 0) fail("creating", file);
}

void OutputFile::write(const void* data, std::size_t bytes) {
    const auto* next = static_cast<const char*>(data);
    while (bytes > 0) {
        const auto written = ::write(static_cast<int>(m_native), next, bytes);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail("writing", m_file);
        next += written;
        bytes -= static_cast<std::size_t>(written);
    }
}

void OutputFile::sync() {
    flush(static_cast<int>(m_native), m_file);
}

void OutputFile::close() {
    const int descriptor = static_cast<int>(std::exchange(m_native, -1));
    if (descriptor >= 0 && ::close(descriptor) != 0 && errno != EINTR) fail("closing", m_file);
}

void OutputFile::drop() noexcept {
    if (m_native >= 0) ::close(static_cast<int>(std::exchange(m_native, -1)));
}

} // namespace odysseus::system
