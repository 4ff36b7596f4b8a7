#include "fake_process.hpp"

#include <arpa/inet.h>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace odysseus::testing {

struct WaitingProcess::Native {
    pid_t pid = 0;
    int input = -1;
};

WaitingProcess::WaitingProcess(bool stubborn) : m_native(std::make_unique<Native>()) {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    for (const int end : ends)
        ::fcntl(end, F_SETFD, FD_CLOEXEC);
    m_native->pid = ::fork();
    if (m_native->pid < 0) std::abort();
    if (m_native->pid == 0) {
        if (stubborn) ::signal(SIGTERM, SIG_IGN);
        char byte = 0;
        ::close(ends[1]);
        while (::read(ends[0], &byte, 1) != 0 || stubborn) {
            if (stubborn) ::usleep(10'000);
        }
        ::_exit(0);
    }
    ::close(ends[0]);
    m_native->input = ends[1];
}

WaitingProcess::~WaitingProcess() {
    ::kill(m_native->pid, SIGKILL);
    ::close(m_native->input);
    ::waitpid(m_native->pid, nullptr, 0);
}

std::optional<int> waiting_process_main(int, char**) {
    return std::nullopt; // a fork has no main
}

void leave_a_grandchild() {
    if (::fork() != 0) return;
    ::setsid();
    for (;;)
        ::pause();
}

void listen_deaf(int port) {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    ::fcntl(listener, F_SETFD, FD_CLOEXEC);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int yes = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener, 8) != 0)
        std::abort();
}

void on_stop(std::function<void()> wished) {
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &stop, nullptr);
    std::thread([stop, wished = std::move(wished)] {
        for (;;) {
            int signal = 0;
            ::sigwait(&stop, &signal);
            wished();
        }
    }).detach();
}

void end_now(int code) {
    ::_exit(code);
}

} // namespace odysseus::testing
