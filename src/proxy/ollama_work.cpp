#include "ollama_work.hpp"

#include "odysseus/base/text.hpp"

#include "exchange.hpp"
#include "rewrite.hpp"
#include "shared.hpp"

#include <chrono>

namespace odysseus::proxy {
namespace {

constexpr std::chrono::seconds k_look_again{1};
constexpr std::chrono::seconds k_answer_max{60};

std::string unload_request(const server::Serving& serving, const std::string& model) {
    const auto body = concat(R"({"model":)", json_quoted(model), "}");
    auto request =
        concat("POST /models/unload HTTP/1.1\r\nHost: 127.0.0.1:", serving.port,
               "\r\nContent-Type: application/json\r\nContent-Length: ", body.size(), "\r\n");
    if (!serving.api_key.empty())
        request += concat("Authorization: Bearer ", serving.api_key, "\r\n");
    return request + "\r\n" + body;
}

Task<> unload(Waiter& waiter, const server::Serving& serving, const std::string& model) {
    const auto request = unload_request(serving, model);
    Exchange exchange(waiter, {request}, false);
    exchange.until = Clock::now() + k_answer_max;
    auto came = co_await exchange.begin(llama_server_at(serving.port));
    while (came == Exchange::Came::some)
        came = co_await exchange.next();
    exchange.release();
}

} // namespace

std::int64_t system_time_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

Detached unload_when_unused(Shared& shared, Loop& loop, std::string model) {
    try {
        Waiter waiter(loop);
        const Turns::Turn mine(shared.turns, model, waiter.wake_up(), true);
        const auto latest = Clock::now() + shared.settings.limits.ready_wait;
        while (!mine.has_come() && !loop.stopping && Clock::now() < latest)
            co_await waiter.pause(Clock::now() + k_look_again);
        const auto serving = shared.upstream.current();
        if (mine.has_come() && !loop.stopping && serving.state == server::State::ready)
            co_await unload(waiter, serving, model);
    } catch (...) { // no memory, or the end: the model stays
    }
}

} // namespace odysseus::proxy
