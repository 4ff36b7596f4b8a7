#include "odysseus/system/file_lock.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace odysseus::system {

// flock and not fcntl: an fcntl lock is lost when any other descriptor of the file is closed.
std::optional<FileLock> FileLock::try_lock(const std::filesystem::path& file) {
    std::error_code ignored;
    std::filesystem::create_directories(file.parent_path(), ignored);
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor < 0) {
        const auto reason = std::generic_category().message(errno);
        throw Error(Fault::usage,
                    concat("opening the lock ", utf8(file), ": ", reason,
                           "; its folder must be writable, or HOME another one: --home DIR"));
    }
    FileLock lock(descriptor);
    int result = 0;
    do {
        result = ::flock(descriptor, LOCK_EX | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    if (result != 0 && errno == EWOULDBLOCK) return std::nullopt;
    if (result != 0) {
        const auto reason = std::generic_category().message(errno);
        throw Error(Fault::usage, concat("locking ", utf8(file), ": ", reason));
    }
    // The record is for people and messages; a disk too full for it does not matter.
    const auto record = std::to_string(::getpid()) + "\n";
    if (::ftruncate(descriptor, 0) == 0 &&
        ::pwrite(descriptor, record.data(), record.size(), 0) < 0) {
        errno = 0;
    }
    return lock;
}

bool FileLock::is_held(const std::filesystem::path& file) {
    const FileLock asking(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    const int descriptor = static_cast<int>(asking.m_native);
    // Shared, so that two who only ask do not see each other.
    return descriptor >= 0 && ::flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

void FileLock::release() noexcept {
    if (m_native >= 0) ::close(static_cast<int>(std::exchange(m_native, -1)));
}

} // namespace odysseus::system
