// An owned file descriptor, for the POSIX sources of this room.
#pragma once

#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace odysseus::system {

class Fd {
  public:
    Fd() = default;
    explicit Fd(int descriptor) : m_descriptor(descriptor) {}
    Fd(Fd&& other) noexcept : m_descriptor(std::exchange(other.m_descriptor, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) {
            close();
            m_descriptor = std::exchange(other.m_descriptor, -1);
        }
        return *this;
    }
    ~Fd() { close(); }

    [[nodiscard]] int get() const { return m_descriptor; }
    explicit operator bool() const { return m_descriptor >= 0; }
    void close() {
        if (m_descriptor >= 0) ::close(std::exchange(m_descriptor, -1));
    }

  private:
    int m_descriptor = -1;
};

inline void set_close_on_exec(int descriptor) {
    ::fcntl(descriptor, F_SETFD, ::fcntl(descriptor, F_GETFD) | FD_CLOEXEC);
}

inline void set_non_blocking(int descriptor) {
    ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);
}

// A pipe that no child inherits by accident. macOS has no pipe2; its spawns close everything that
// is not named (POSIX_SPAWN_CLOEXEC_DEFAULT).
struct Pipe {
    Fd read;
    Fd write;
};
inline Pipe make_pipe() {
    int ends[2] = {-1, -1};
#ifdef __linux__
    const int result = ::pipe2(ends, O_CLOEXEC);
#else
    const int result = ::pipe(ends);
#endif
    if (result != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    set_close_on_exec(ends[0]);
    set_close_on_exec(ends[1]);
    return {Fd(ends[0]), Fd(ends[1])};
}

} // namespace odysseus::system
