// One log line a request, written by a thread of its own: a terminal or a disk that is slow must
// not hold up streams. No body, key or prompt gets here.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace odysseus::proxy {

struct RequestLine {
    std::string id;
    std::string method;
    std::string path; // without the query
    std::string model;
    int status = 0;
    std::uint64_t bytes = 0;   // of the body, to the client
    double first_byte_ms = -1; // below 0: there was none
    double total_ms = 0;
    bool detail = false; // of interest to debugging only
    std::string end;     // "client left", "llama-server left", "own answer", or nothing
    bool trouble = true; // without an id: `end` is an error, else news
};

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
