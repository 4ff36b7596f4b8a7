// One log line a request, written by a thread of its own: a terminal or a disk that is slow must
// not hold up streams.
#pragma once

#include "request_line.hpp"

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace odysseus::proxy {

class RequestLog {
  public:
    RequestLog() = default;
    ~RequestLog() { stop(); }
    RequestLog(const RequestLog&) = delete;
    RequestLog& operator=(const RequestLog&) = delete;

    void start();
    void stop(); // what was added before is written
    // Drops the line when the writer is far behind.
    void add(RequestLine line);
    void tell(const std::string& trouble) noexcept; // as an error; dropped likewise
    void tell_news(const std::string& news) noexcept;

  private:
    void write_all();

    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::vector<RequestLine> m_lines;
    std::thread m_thread;
    bool m_stopping = false;
};

} // namespace odysseus::proxy
