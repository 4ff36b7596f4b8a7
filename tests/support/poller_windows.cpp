// WSAPoll, with a UDP socket that is connected to itself to wake it.
#include "poller.hpp"

#include "odysseus/base/error.hpp"

#include <unordered_map>
#include <winsock2.h>
#include <ws2tcpip.h>

namespace odysseus {
namespace {

short mask(Interest interest) {
    short bits = 0;
    if (interest.read) bits |= POLLRDNORM;
    if (interest.write) bits |= POLLWRNORM;
    return bits;
}

} // namespace

struct Poller::State {
    SOCKET waker = INVALID_SOCKET;
    std::vector<WSAPOLLFD> polled; // the waker first
    std::vector<void*> owners;
    std::unordered_map<SOCKET, std::size_t> places; // in both vectors

    ~State() {
        if (waker != INVALID_SOCKET) ::closesocket(waker);
    }
    [[nodiscard]] bool open_waker() {
        WSADATA data{};
        if (::WSAStartup(MAKEWORD(2, 2), &data) != 0) return false;
        waker = ::socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
        sockaddr_in self{};
        self.sin_family = AF_INET;
        self.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int length = sizeof self;
        auto* const address = reinterpret_cast<sockaddr*>(&self);
        u_long on = 1;
        return waker != INVALID_SOCKET && ::bind(waker, address, length) == 0 &&
               ::getsockname(waker, address, &length) == 0 &&
               ::connect(waker, address, length) == 0 && ::ioctlsocket(waker, FIONBIO, &on) == 0;
    }
};

Poller::Poller() : m_state(std::make_unique<State>()) {
    if (!m_state->open_waker()) throw Error(Fault::bug, "Winsock gives no socket to wake with");
    m_state->polled.push_back({m_state->waker, POLLRDNORM, 0});
    m_state->owners.push_back(nullptr);
}

Poller::~Poller() = default;

void Poller::add(const Socket& socket, void* owner, Interest interest) {
    const auto fd = static_cast<SOCKET>(socket.native());
    m_state->places[fd] = m_state->polled.size();
    m_state->polled.push_back({fd, mask(interest), 0});
    m_state->owners.push_back(owner);
}

void Poller::change(const Socket& socket, void* owner, Interest interest) {
    const auto place = m_state->places.at(static_cast<SOCKET>(socket.native()));
    m_state->polled[place].events = mask(interest);
    m_state->owners[place] = owner;
}

void Poller::remove(const Socket& socket) {
    const auto found = m_state->places.find(static_cast<SOCKET>(socket.native()));
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
    const int count = ::WSAPoll(m_state->polled.data(), static_cast<ULONG>(m_state->polled.size()),
                                limit ? static_cast<int>(limit->count()) : -1);
    if (count <= 0) return;
    char drained[64];
    while (::recv(m_state->waker, drained, sizeof drained, 0) > 0) {
    }
    for (std::size_t i = 1; i < m_state->polled.size(); ++i) {
        const auto bits = m_state->polled[i].revents;
        if (bits == 0) continue;
        const bool failed = (bits & (POLLERR | POLLHUP | POLLNVAL)) != 0;
        ready.push_back({m_state->owners[i], failed || (bits & POLLRDNORM) != 0,
                         failed || (bits & POLLWRNORM) != 0, failed});
    }
}

void Poller::wake() {
    const char one = 1;
    (void)::send(m_state->waker, &one, 1, 0);
}

} // namespace odysseus
