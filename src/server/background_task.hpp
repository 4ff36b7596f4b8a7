// One thread that does one thing after the other for the supervisor, and posts what came of it.
#pragma once

#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace odysseus::server {

template <class Message>
class BackgroundTask {
  public:
    explicit BackgroundTask(std::function<void(Message)> post) : m_post(std::move(post)) {}
    ~BackgroundTask() { end(); }
    BackgroundTask(const BackgroundTask&) = delete;
    BackgroundTask& operator=(const BackgroundTask&) = delete;

    void start() {
        m_thread = std::thread([this] { run(); });
    }

    void send(std::function<Message()> work) {
        {
            const std::lock_guard lock(m_mutex);
            m_queue.push_back(std::move(work));
        }
        m_came.notify_one();
    }

    // Waits for what is being done; what is queued is dropped.
    void end() {
        {
            const std::lock_guard lock(m_mutex);
            m_ends = true;
        }
        m_came.notify_all();
        if (m_thread.joinable()) m_thread.join();
    }

  private:
    void run() {
        for (;;) {
            std::function<Message()> work;
            {
                std::unique_lock lock(m_mutex);
                m_came.wait(lock, [this] { return m_ends || !m_queue.empty(); });
                if (m_ends) return;
                work = std::move(m_queue.front());
                m_queue.pop_front();
            }
            try {
                m_post(work());
            } catch (const std::exception& error) {
                log::error(concat("asking llama-server: ", error.what()));
            }
        }
    }

    std::function<void(Message)> m_post;
    std::mutex m_mutex;
    std::condition_variable m_came;
    std::deque<std::function<Message()>> m_queue; // by m_mutex
    bool m_ends = false;                          // by m_mutex
    std::thread m_thread;
};

} // namespace odysseus::server
