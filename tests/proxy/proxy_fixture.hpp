// The proxy between a raw client and a raw llama-server.
#pragma once

#include "odysseus/base/text.hpp"
#include "odysseus/proxy/proxy.hpp"

#include "proxy_stand_ins.hpp"
#include "raw_http.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

namespace odysseus::test {
using namespace proxy;

// What one thread of a test waits for and another brings about. Every wait has an end, so that a
// test that fails does not hang.
class Gate {
  public:
    void open() {
        const std::lock_guard lock(m_mutex);
        m_open = true;
        m_changed.notify_all();
    }
    bool wait() {
        std::unique_lock lock(m_mutex);
        return m_changed.wait_for(lock, 2 * k_patience, [this] { return m_open; });
    }

  private:
    std::mutex m_mutex;
    std::condition_variable m_changed;
    bool m_open = false;
};

inline void wait_until(const std::function<bool()>& holds) {
    const auto until = std::chrono::steady_clock::now() + 2 * k_patience;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > until)
            throw std::runtime_error("what the test waits for does not come");
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

inline bool has(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

struct ProxyFixture {
    explicit ProxyFixture(RawServer::Script script, ProxySettings settings = {},
                          ProxyPages pages = {})
        : server(std::move(script)), upstream(server.port()),
          models(std::map<std::string, std::string>{{"friendly", "model-file"},
                                                    {"model-file", "model-file"}},
                 "model-file"),
          proxy(std::move(settings), upstream, models, std::move(pages)) {
        proxy.listen("127.0.0.1", 0);
        proxy.start();
    }
    ~ProxyFixture() { proxy.stop(std::chrono::milliseconds(0)); }

    [[nodiscard]] RawConnection client() const { return connect_raw(proxy.port()); }
    [[nodiscard]] static std::string get(std::string_view target, std::string_view lines = {}) {
        return concat("GET ", target, " HTTP/1.1\r\nHost: localhost\r\n", lines, "\r\n");
    }
    [[nodiscard]] static std::string post(std::string_view target, std::string_view body,
                                          std::string_view lines = {}) {
        return concat("POST ", target, " HTTP/1.1\r\nHost: localhost\r\n", lines,
                      "Content-Length: ", body.size(), "\r\n\r\n", body);
    }

    RawServer server;
    FixedLlamaControl upstream;
    TableDirectory models;
    Proxy proxy;
};

} // namespace odysseus::test
