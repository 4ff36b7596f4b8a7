#include "idle_unload.hpp"

#include "exchange.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/proxy/models_answer.hpp"
#include "rewrite.hpp"

#include <algorithm>

namespace odysseus::proxy {
namespace {

constexpr std::chrono::milliseconds k_look{1000};
constexpr std::chrono::seconds k_unload_max{20}; // from the first question to the last
constexpr std::size_t k_list_bytes_max = std::size_t{4} * 1024 * 1024;

// llama-server's answer, while it is ready; empty: none that is good.
Task<std::string> ask(Waiter& waiter, const server::Serving& serving, std::string_view line,
                      std::string_view body, TimePoint until) {
    auto request = concat(line, " HTTP/1.1\r\nHost: 127.0.0.1:", serving.port, "\r\n");
    if (!serving.api_key.empty())
        request += concat("Authorization: Bearer ", serving.api_key, "\r\n");
    if (!body.empty())
        request +=
            concat("Content-Type: application/json\r\nContent-Length: ", body.size(), "\r\n");
    request += concat("\r\n", body);
    Exchange exchange(waiter, {request}, false);
    exchange.until = until;
    auto came = co_await exchange.begin(llama_server_at(serving.port));
    if (came != Exchange::Came::some || exchange.head.status != 200) co_return std::string();
    std::string answer;
    while (came == Exchange::Came::some && answer.size() < k_list_bytes_max) {
        answer += exchange.content();
        came = co_await exchange.next();
    }
    if (came == Exchange::Came::end) exchange.release();
    co_return answer;
}

// While one lives, requests wait before they go to llama-server.
class Hold {
  public:
    explicit Hold(std::atomic<bool>& held) : m_held(held) { m_held = true; }
    ~Hold() { m_held = false; }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

  private:
    std::atomic<bool>& m_held;
};

} // namespace

Detached IdleUnload::watch(Loop& loop) {
    try {
        Waiter waiter(loop);
        co_await look_while_serving(waiter);
    } catch (...) { // the end, or no memory
    }
}

Task<> IdleUnload::look_while_serving(Waiter& waiter) {
    const auto look = std::min(k_look, m_shared.settings.idle_unload / 4);
    while (!waiter.loop().stopping) {
        if (is_due()) co_await unload_all(waiter);
        co_await waiter.pause(Clock::now() + look);
    }
}

bool IdleUnload::is_due() {
    const auto& counters = m_shared.counters;
    if (counters.active > 0 || counters.total == m_unloaded_at) return false;
    const TimePoint last{Clock::duration(counters.last_end)};
    return Clock::now() - last >= m_shared.settings.idle_unload;
}

Task<> IdleUnload::unload_all(Waiter& waiter) {
    const Hold hold(m_shared.held);
    const auto serving = m_shared.upstream.current();
    if (m_shared.counters.active > 0 || serving.state != server::State::ready) co_return;
    const std::uint64_t requests = m_shared.counters.total;
    const auto until = Clock::now() + k_unload_max;
    auto list = co_await ask(waiter, serving, "GET /models", "", until);
    for (const auto& id : loaded_ids(list)) {
        const auto body = concat(R"({"model":)", json_quoted(id), "}");
        (void)co_await ask(waiter, serving, "POST /models/unload", body, until);
    }
    // The router answers before the model's process has ended.
    while (!loaded_ids(list).empty() && Clock::now() < until) {
        co_await waiter.pause(Clock::now() + std::chrono::milliseconds(100));
        list = co_await ask(waiter, serving, "GET /models", "", until);
    }
    m_unloaded_at = requests;
    m_shared.counters.idle_unloaded_at = requests;
}

} // namespace odysseus::proxy
