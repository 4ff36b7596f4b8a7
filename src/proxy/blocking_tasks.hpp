// Work that may block, away from the threads that move bytes. Threads are started when they are
// needed and stay; there are at most a few, the rest waits in a queue.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace odysseus::proxy {

class BlockingTasks {
  public:
    explicit BlockingTasks(std::size_t threads_max) : m_threads_max(threads_max) {}
    ~BlockingTasks() { stop(); }
    BlockingTasks(const BlockingTasks&) = delete;
    BlockingTasks& operator=(const BlockingTasks&) = delete;

    // From any thread. What the work throws is lost. Throws when the system allows no thread at
    // all; after stop() the work is dropped.
    void run(std::function<void()> work);
    // Drops what has not begun and waits for what has.
    void stop();

  private:
    void serve() noexcept;
    void start_thread();

    const std::size_t m_threads_max;
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::deque<std::function<void()>> m_queue;
    std::vector<std::thread> m_threads;
    std::size_t m_idle = 0;
    bool m_stopping = false;
};

} // namespace odysseus::proxy
