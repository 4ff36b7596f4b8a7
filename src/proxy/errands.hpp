// Work that may block, away from the proxy's thread. Threads are started when they are needed and
// stay; there are at most a few, the rest waits in a queue.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace odysseus {

class Errands {
  public:
    explicit Errands(std::size_t threads_max) : m_threads_max(threads_max) {}
    ~Errands() { stop(); }
    Errands(const Errands&) = delete;
    Errands& operator=(const Errands&) = delete;

    // From any thread. What the work throws is logged. After stop() it is dropped.
    void run(std::function<void()> work);
    // Drops what has not begun and waits for what has.
    void stop();

  private:
    void serve();
    void add_thread();

    const std::size_t m_threads_max;
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::deque<std::function<void()>> m_queue;
    std::vector<std::thread> m_threads;
    std::size_t m_idle = 0;
    bool m_stopping = false;
};

} // namespace odysseus
