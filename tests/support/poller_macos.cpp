// poll, with a pipe to wake it. POLLHUP alone tells of a client that has gone, so the owner's read
// interest is what notices the end of a stream here.
#include "poller.hpp"

#include "odysseus/base/error.hpp"

#include <array>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <unordered_map>

namespace odysseus {
namespace {

short mask(Interest interest) {
    short bits = 0;
    if (interest.read) bits |= POLLIN;
    if (interest.write) bits |= POLLOUT;
    return bits;
}

} // namespace

struct Poller::State {
    std::array<int, 2> pipe{-1, -1};
    std::vector<pollfd> polled; // the pipe's end first
    std::vector<void*> owners;
    std::unordered_map<int, std::size_t> places; // in both vectors

    ~State() {
        for (const int end : pipe) {
            if (end >= 0) ::close(end);
        }
    }
};

Poller::Poller() : m_state(std::make_unique<State>()) {
    if (::pipe(m_state->pipe.data()) != 0)
        throw Error(Fault::bug, "the system gives no pipe: no file descriptor is left");
    for (const int end : m_state->pipe) {
        (void)::fcntl(end, F_SETFL, O_NONBLOCK);
        (void)::fcntl(end, F_SETFD, FD_CLOEXEC);
    }
    m_state->polled.push_back({m_state->pipe[0], POLLIN, 0});
    m_state->owners.push_back(nullptr);
}

Poller::~Poller() = default;

void Poller::add(const Socket& socket, void* owner, Interest interest) {
    const int fd = static_cast<int>(socket.native());
    m_state->places[fd] = m_state->polled.size();
    m_state->polled.push_back({fd, mask(interest), 0});
    m_state->owners.push_back(owner);
}

void Poller::change(const Socket& socket, void* owner, Interest interest) {
    const auto place = m_state->places.at(static_cast<int>(socket.native()));
    m_state->polled[place].events = mask(interest);
    m_state->owners[place] = owner;
}

void Poller::remove(const Socket& socket) {
    const auto found = m_state->places.find(static_cast<int>(socket.native()));
    if (found == m_state->places.end()) return;
    const auto place = found->second;
    m_state->places.erase(found);
    const auto last = m_state->polled.size() - 1;
    if (place != last) {
        m_state->polled[place] = m_state->polled[last];
        m_state->owners[place] = m_state->owners[last];
        m_state->places[m_state->polled[place].fd] = place;
    }
    m_state->polled.pop_back();
    m_state->owners.pop_back();
}

void Poller::wait(std::optional<std::chrono::milliseconds> limit, std::vector<Ready>& ready) {
    ready.clear();
    const int count = ::poll(m_state->polled.data(), static_cast<nfds_t>(m_state->polled.size()),
                             limit ? static_cast<int>(limit->count()) : -1);
    if (count <= 0) return;
    std::array<char, 64> drained;
    while (::read(m_state->pipe[0], drained.data(), drained.size()) > 0) {
    }
    for (std::size_t i = 1; i < m_state->polled.size(); ++i) {
        const auto bits = m_state->polled[i].revents;
        if (bits == 0) continue;
        const bool failed = (bits & (POLLERR | POLLHUP | POLLNVAL)) != 0;
        ready.push_back({m_state->owners[i], failed || (bits & POLLIN) != 0,
                         failed || (bits & POLLOUT) != 0, failed});
    }
}

void Poller::wake() {
    const char one = 1;
    (void)!::write(m_state->pipe[1], &one, 1);
}

} // namespace odysseus
