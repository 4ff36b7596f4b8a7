#include "errands.hpp"

#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"

#include "odysseus/base/exception_text.hpp"

#include <system_error>
#include <utility>

namespace odysseus {
namespace {

void run_one(const std::function<void()>& work) {
    try {
        work();
    } catch (...) { // one thread's failure must not be everybody's
        log::error(cat("work in the background failed: ", current_exception_text()));
    }
}

} // namespace

void Errands::run(std::function<void()> work) {
    const std::lock_guard lock(m_mutex);
    if (m_stopping) return;
    m_queue.push_back(std::move(work));
    if (m_queue.size() > m_idle && m_threads.size() < m_threads_max) add_thread();
    m_changed.notify_one();
}

// Those that there are do the work where no more can be had.
void Errands::add_thread() {
    try {
        m_threads.emplace_back([this] { serve(); });
    } catch (const std::system_error&) {
        if (!m_threads.empty()) return;
        m_queue.pop_back();
        throw;
    }
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
        run_one(work);
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
