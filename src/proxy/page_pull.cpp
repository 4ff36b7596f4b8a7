// POST /odysseus/pull: a model is fetched for the page, and each step is a line of JSON. The client
// that leaves ends the download.
#include "session.hpp"

#include "line_task.hpp"

#include <chrono>
#include <nlohmann/json.hpp>

namespace odysseus::proxy {
namespace {

constexpr std::size_t k_name_max = 2048;
constexpr std::chrono::seconds k_look_again{1};

std::string model_in(std::string_view body) {
    const auto asked = nlohmann::json::parse(body, nullptr, false);
    const auto found = asked.is_object() ? asked.find("model") : asked.end();
    if (found == asked.end() || !found->is_string()) return {};
    const auto& name = found->get_ref<const std::string&>();
    return name.size() <= k_name_max ? name : std::string();
}

Refused refused(const Error& error) {
    switch (error.fault()) {
    case Fault::usage: return {.status = 400, .code = "invalid_value", .message = error.what()};
    case Fault::busy: return {.status = 409, .code = "busy", .message = error.what()};
    case Fault::bug: return {.status = 500, .code = "internal_error", .message = error.what()};
    default: return {.status = 502, .code = "download_failed", .message = error.what()};
    }
}

} // namespace

Task<> Session::pull_for_page() {
    const auto name = model_in(m_request->body.view());
    if (!m_shared.pages.pull)
        throw Refused{.status = 404, .code = "not_found", .message = "Nothing is fetched here."};
    if (name.empty())
        throw Refused{.status = 400,
                      .code = "invalid_value",
                      .message = "The body must be JSON that names a model: "
                                 "{\"model\": \"ORG/NAME\"}.",
                      .param = "model"};
    LineTask task(
        m_shared.pulling,
        [pull = m_shared.pages.pull, name](const LineWork& work) { pull(name, work); },
        m_client.wake_up());
    co_await send_lines(task);
}

// The head waits for the first line, so that an early failure has a status of its own.
Task<> Session::send_lines(LineTask& task) {
    bool begun = false;
    while (true) {
        const bool ended = task.ended();
        auto lines = task.take();
        if (ended && task.failure() && !begun && lines.empty()) throw refused(*task.failure());
        if (ended && task.failure()) {
            const auto why = refused(*task.failure());
            m_record.end = "error as a line";
            lines += openai_error(why.status, why.code, why.message) + "\n";
        }
        if (!begun && (ended || !lines.empty())) {
            begin_answer(lines_head());
            m_from_router = false; // what goes down is odysseus's own
            begun = true;
        }
        if (begun) (void)send_content(lines, ended);
        if (ended) co_return;
        co_await m_client.pause(Clock::now() + k_look_again);
    }
}

} // namespace odysseus::proxy
