#include "odysseus/system/stop_signal.hpp"

#include <condition_variable>
#include <csignal>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <unistd.h>

namespace odysseus::system {
namespace {

constexpr int k_status_second = 130;    // what shells say of a program ended by Ctrl-C
constexpr int k_signal_leave = SIGUSR2; // from our destructor to our thread

// nohup ignores SIGHUP and a script's shell the SIGINT of its background jobs; a blocked signal
// would arrive all the same.
bool is_ignored(int signal) {
    struct sigaction now {};
    return ::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

sigset_t awaited() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, k_signal_leave);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        if (!is_ignored(signal)) sigaddset(&set, signal);
    }
    return set;
}

} // namespace

struct StopSignal::Native {
    std::mutex mutex;
    std::condition_variable changed;
    bool asked = false;
    bool leaving = false;
    std::function<void()> second;
    sigset_t before{};
    sigset_t set = awaited();
    std::thread waiter;

    void run() {
        for (;;) {
            int signal = 0;
            if (::sigwait(&set, &signal) != 0) continue;
            std::function<void()> last_words;
            {
                const std::lock_guard lock(mutex);
                if (signal == k_signal_leave && leaving) return;
                if (signal == k_signal_leave) continue;
                if (!asked) {
                    asked = true;
                    changed.notify_all();
                    continue;
                }
                last_words = second;
            }
            if (last_words) last_words();
            ::_exit(k_status_second);
        }
    }
};

StopSignal::StopSignal(std::function<void()> second) : m_native(std::make_unique<Native>()) {
    m_native->second = std::move(second);
    ::signal(SIGPIPE, SIG_IGN);
    ::pthread_sigmask(SIG_BLOCK, &m_native->set, &m_native->before);
    m_native->waiter = std::thread([native = m_native.get()] { native->run(); });
}

StopSignal::~StopSignal() {
    {
        const std::lock_guard lock(m_native->mutex);
        m_native->leaving = true;
    }
    ::pthread_kill(m_native->waiter.native_handle(), k_signal_leave);
    m_native->waiter.join();
    ::pthread_sigmask(SIG_SETMASK, &m_native->before, nullptr);
}

void StopSignal::on_second(std::function<void()> second) {
    const std::lock_guard lock(m_native->mutex);
    m_native->second = std::move(second);
}

bool StopSignal::asked() const {
    const std::lock_guard lock(m_native->mutex);
    return m_native->asked;
}

bool StopSignal::wait(std::chrono::milliseconds limit) const {
    std::unique_lock lock(m_native->mutex);
    return m_native->changed.wait_for(lock, limit, [this] { return m_native->asked; });
}

void StopSignal::wait() const {
    std::unique_lock lock(m_native->mutex);
    m_native->changed.wait(lock, [this] { return m_native->asked; });
}

void StopSignal::ask() {
    const std::lock_guard lock(m_native->mutex);
    m_native->asked = true;
    m_native->changed.notify_all();
}

} // namespace odysseus::system
