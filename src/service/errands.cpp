#include "errands.hpp"

#include <utility>

namespace odysseus {

void Errands::run(std::function<void()> work) {
    const std::lock_guard lock(m_mutex);
    if (m_stopping) return;
    m_queue.push_back(std::move(work));
    if (m_queue.size() > m_idle && m_threads.size() < m_threads_max)
        m_threads.emplace_back([this] { serve(); });
    m_changed.notify_one();
}

void Errands::serve() {
    std::unique_lock lock(m_mutex);
    while (true) {
        ++m_idle;
        m_changed.wait(lock, [this] { return m_stopping || !m_queue.empty(); });
        --m_idle;
        if (m_stopping) return;
        auto work = std::move(m_queue.front());
        m_queue.pop_front();
        lock.unlock();
        work();
        work = nullptr;
        lock.lock();
    }
}

void Errands::stop() {
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

} // namespace odysseus
