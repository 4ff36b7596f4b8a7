#include "poller.hpp"

#include "odysseus/base/error.hpp"

#include <array>
#include <cerrno>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace odysseus {
namespace {

constexpr int k_events_a_wait = 256;

std::uint32_t mask(Interest interest) {
    std::uint32_t bits = 0;
    if (interest.hang_up) bits |= EPOLLRDHUP;
    if (interest.read) bits |= EPOLLIN;
    if (interest.write) bits |= EPOLLOUT;
    return bits;
}

} // namespace

struct Poller::State {
    int epoll = -1;
    int wake = -1;

    ~State() {
        if (wake >= 0) ::close(wake);
        if (epoll >= 0) ::close(epoll);
    }
    void control(int operation, int fd, void* owner, std::uint32_t bits) const {
        epoll_event event{};
        event.events = bits;
        event.data.ptr = owner;
        (void)::epoll_ctl(epoll, operation, fd, &event);
    }
};

Poller::Poller() : m_state(std::make_unique<State>()) {
    m_state->epoll = ::epoll_create1(EPOLL_CLOEXEC);
    m_state->wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (m_state->epoll < 0 || m_state->wake < 0)
        throw Error(Fault::bug, "the system gives no epoll or eventfd: no file descriptor is left");
    m_state->control(EPOLL_CTL_ADD, m_state->wake, nullptr, EPOLLIN);
}

Poller::~Poller() = default;

void Poller::add(const Socket& socket, void* owner, Interest interest) {
    m_state->control(EPOLL_CTL_ADD, static_cast<int>(socket.native()), owner, mask(interest));
}

void Poller::change(const Socket& socket, void* owner, Interest interest) {
    m_state->control(EPOLL_CTL_MOD, static_cast<int>(socket.native()), owner, mask(interest));
}

void Poller::remove(const Socket& socket) {
    m_state->control(EPOLL_CTL_DEL, static_cast<int>(socket.native()), nullptr, 0);
}

void Poller::wait(std::optional<std::chrono::milliseconds> limit, std::vector<Ready>& ready) {
    ready.clear();
    std::array<epoll_event, k_events_a_wait> events;
    const int count = ::epoll_wait(m_state->epoll, events.data(), k_events_a_wait,
                                   limit ? static_cast<int>(limit->count()) : -1);
    for (int i = 0; i < count; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        if (event.data.ptr == nullptr) {
            std::uint64_t counted = 0;
            (void)!::read(m_state->wake, &counted, sizeof counted);
            continue;
        }
        const bool failed = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
        ready.push_back({event.data.ptr, failed || (event.events & EPOLLIN) != 0,
                         failed || (event.events & EPOLLOUT) != 0,
                         failed || (event.events & EPOLLRDHUP) != 0});
    }
}

void Poller::wake() {
    const std::uint64_t one = 1;
    (void)!::write(m_state->wake, &one, sizeof one);
}

} // namespace odysseus
