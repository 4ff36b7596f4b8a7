#include "blocking_tasks.hpp"

#include <system_error>
#include <utility>

namespace odysseus::proxy {

void BlockingTasks::run(std::function<void()> work) {
    const std::lock_guard lock(m_mutex);
    if (m_stopping) return;
    if (m_queue.size() >= m_idle && m_threads.size() < m_threads_max) start_thread();
    m_queue.push_back(std::move(work));
    m_changed.notify_one();
}

// With one thread at least the work gets done, though later.
void BlockingTasks::start_thread() {
    try {
        m_threads.emplace_back([this] { serve(); });
    } catch (const std::system_error&) {
        if (m_threads.empty()) throw;
    }
}

void BlockingTasks::serve() noexcept {
    std::unique_lock lock(m_mutex);
    while (true) {
        ++m_idle;
        m_changed.wait(lock, [this] { return m_stopping || !m_queue.empty(); });
        --m_idle;
        if (m_stopping) return;
        auto work = std::move(m_queue.front());
        m_queue.pop_front();
        lock.unlock();
        try {
            work();
        } catch (...) { // who asked has its own way to learn of it
        }
        work = nullptr;
        lock.lock();
    }
}

void BlockingTasks::stop() {
    std::vector<std::thread> threads;
    {
        const std::lock_guard lock(m_mutex);
        m_stopping = true;
        m_queue.clear();
        threads.swap(m_threads);
        m_changed.notify_all();
    }
    for (auto& thread : threads)
        thread.join();
}

} // namespace odysseus::proxy
