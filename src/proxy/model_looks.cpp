#include "model_looks.hpp"

#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/proxy/models_answer.hpp"

#include "blocking.hpp"
#include "exchange.hpp"

#include <algorithm>

namespace odysseus::proxy {
namespace {

constexpr std::chrono::milliseconds k_interval{1000};
constexpr std::size_t k_list_bytes_max = std::size_t{4} * 1024 * 1024;

} // namespace

Task<> ModelLooks::look(Waiter& waiter, bool now) {
    const auto number = ask(now, waiter.wake_up());
    while (!has_ended(number))
        co_await waiter.pause(Clock::now() + k_interval);
}

ModelLooks::Number ModelLooks::ask(bool now, const Waiter::WakeUp& wake_up) {
    const std::lock_guard lock(m_mutex);
    const bool under_way = m_begun > m_ended;
    const auto number = under_way && !now ? m_begun : m_begun + 1;
    m_waiting.push_back(wake_up);
    m_asked = std::max(m_asked, number);
    m_now = m_now || now;
    if (!m_running) {
        m_loop->post([this] { look_while_asked(); });
        m_running = true;
    } else if (now && m_looking) {
        (*m_looking)();
    }
    return number;
}

bool ModelLooks::has_ended(Number look) const {
    const std::lock_guard lock(m_mutex);
    return m_ended >= look;
}

bool ModelLooks::is_foreign(std::string_view id) const {
    const std::lock_guard lock(m_mutex);
    return m_foreign.find(id) != m_foreign.end();
}

std::string ModelLooks::list() const {
    const std::lock_guard lock(m_mutex);
    return m_list;
}

Detached ModelLooks::look_while_asked() {
    bool again = true;
    while (again) {
        Look look;
        try {
            Waiter waiter(*m_loop);
            co_await wait_for_interval(waiter);
            begin();
            look = co_await look_once(waiter);
        } catch (...) { // the folder cannot be read, no memory, the end: those who wait go on
            begin();
        }
        again = end(std::move(look));
    }
}

Task<> ModelLooks::wait_for_interval(Waiter& waiter) {
    const auto earliest = m_last_begin + k_interval;
    while (Clock::now() < earliest) {
        {
            const std::lock_guard lock(m_mutex);
            if (m_now) break;
            m_looking = waiter.wake_up();
        }
        co_await waiter.pause(earliest);
    }
}

void ModelLooks::begin() {
    const std::lock_guard lock(m_mutex);
    m_looking.reset();
    if (m_begun > m_ended) return;
    m_last_begin = Clock::now();
    m_now = false;
    ++m_begun;
}

bool ModelLooks::end(Look look) {
    const std::lock_guard lock(m_mutex);
    if (!look.list.empty()) m_foreign = std::move(look.foreign);
    m_list = std::move(look.list);
    m_ended = m_begun;
    for (const auto& wake_up : std::exchange(m_waiting, {}))
        wake_up();
    m_running = m_asked > m_ended && !m_loop->stopping;
    return m_running;
}

Task<ModelLooks::Look> ModelLooks::look_once(Waiter& waiter) {
    const bool changed = co_await blocking(m_folder, waiter, [this] {
        try {
            return m_models.refresh();
        } catch (const std::exception& error) { // a disk that is full or gone: what was known stays
            log::warn(concat("the models folder could not be read again: ", error.what()));
            return false;
        }
    });
    auto list = co_await router_list(waiter, changed);
    Look look{list.value_or(""), {}};
    for (auto& id : listed_ids(look.list))
        look.foreign.insert(std::move(id));
    for (const auto& id : m_models.folder_ids())
        look.foreign.erase(id);
    co_return look;
}

Task<std::optional<std::string>> ModelLooks::router_list(Waiter& waiter, bool reload) {
    const auto serving = m_upstream.current();
    if (serving.state != server::State::ready) co_return std::nullopt;
    auto request = concat("GET /models", reload ? "?reload=1" : "",
                          " HTTP/1.1\r\nHost: 127.0.0.1:", serving.port, "\r\n");
    if (!serving.api_key.empty())
        request += concat("Authorization: Bearer ", serving.api_key, "\r\n");
    request += "\r\n";
    Exchange exchange(waiter, {request}, false);
    exchange.until = Clock::now() + m_answer_max;
    auto came = co_await exchange.begin(llama_server_at(serving.port));
    if (came != Exchange::Came::some || exchange.head.status != 200) co_return std::nullopt;
    std::string list;
    while (came == Exchange::Came::some && list.size() < k_list_bytes_max) {
        list += exchange.content();
        came = co_await exchange.next();
    }
    if (came != Exchange::Came::end) co_return std::nullopt;
    exchange.release();
    co_return list;
}

} // namespace odysseus::proxy
