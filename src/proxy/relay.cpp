// The session's way back: llama-server's answer to the client.
#include "session.hpp"

#include "dialect.hpp"
#include "endpoints.hpp"
#include "message_start.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/server/oom_verdict.hpp"
#include "ollama_answer.hpp"
#include "ollama_endpoints.hpp"

#include "ollama_work.hpp"

#include <algorithm>

namespace odysseus::proxy {
namespace {

constexpr std::size_t k_failure_body_max = std::size_t{64} * 1024;
constexpr std::size_t k_names_told_max = 5;
constexpr int k_router_failure = 500; // what the router itself says when it has not yet begun

} // namespace

// Nothing, when the client has its answer, whole or cut; else why it has none yet.
Task<std::optional<server::Failure>> Session::forward(Exchange& exchange,
                                                      const server::Serving& serving) {
    server::Failure failure{serving.generation, m_request->model, 0, {}, Clock::now()};
    const auto came = co_await exchange.begin(llama_server_at(serving.port));
    if (came == Exchange::Came::no_http)
        throw Refused{.status = 502,
                      .code = "bad_answer",
                      .message = "llama-server's answer is not valid HTTP."};
    if (came != Exchange::Came::some) co_return failure;
    if (exchange.head.status < 500 && m_request->loads_model) {
        const bool begun = co_await has_begun(exchange);
        if (!begun) co_return failure;
    }
    if (leads_to_page(exchange)) {
        OwnAnswer redirect;
        redirect.status = 307;
        redirect.more_lines = "Location: /odysseus\r\n";
        answer(redirect);
        co_return std::nullopt;
    }
    failure.status = exchange.head.status;
    if (exchange.head.framing == Framing::chunked && is_router_remark(exchange.content()))
        failure.status = k_router_failure;
    if (failure.status < 400) {
        co_await relay(exchange, exchange.content());
        co_return std::nullopt;
    }
    failure.body = co_await rest_of(exchange, k_failure_body_max);
    if (failure.status >= 500) co_return failure;
    co_await pass_on(exchange, failure);
    co_return std::nullopt;
}

// A browser that asks for the web UI of a build that has none.
bool Session::leads_to_page(const Exchange& exchange) const {
    const auto& head = m_request->head;
    if (head.path != "/" || exchange.head.status != 404) return false;
    return (head.method == "GET" || head.method == "HEAD") &&
           header(head.headers, "accept").value_or("").find("text/html") != std::string_view::npos;
}

// A process that dies after its head and before its answer is still one that can be replaced
// unseen, so the head waits for the first byte of content.
Task<bool> Session::has_begun(Exchange& exchange) {
    const auto framing = exchange.head.framing;
    if (framing != Framing::length && framing != Framing::chunked) co_return true;
    while (exchange.content().empty() && !exchange.complete()) {
        const auto came = co_await exchange.next();
        if (came == Exchange::Came::broken) co_return false;
    }
    co_return true;
}

// A failure that nobody could cure.
Task<> Session::pass_on(Exchange& exchange, const server::Failure& failure) {
    if (failure.status == 0)
        throw Refused{.status = 502,
                      .code = "llama_server_unreachable",
                      .message = "llama-server broke the connection before it answered.",
                      .retry_after = std::chrono::seconds(5)};
    if (server::is_broken_connection(failure.status, failure.body)) {
        // The router says it in plain text, which no client of OpenAI's interface can read.
        throw Refused{
            .status = 502,
            .code = "model_unreachable",
            .message = concat("the model's process ended before it answered (", failure.body, ")"),
            .retry_after = std::chrono::seconds(5)};
    }
    if (exchange.complete()) refuse_clearly(failure);
    const auto ours = own_words_for(exchange, failure);
    if (m_client.signs_sent()) {
        m_record.status = failure.status;
        m_record.end = "error as an event";
        end_with_event(ours.value_or(failure.body));
        co_return;
    }
    if (!ours) {
        co_await relay(exchange, failure.body);
        co_return;
    }
    OwnAnswer error;
    error.status = failure.status;
    error.body = *ours;
    answer(error);
    m_record.passed_on = true;
    m_record.end.clear();
}

// What is wrong with the request itself, and llama-server says in words of its own.
void Session::refuse_clearly(const server::Failure& failure) const {
    const auto said = message_of_error(failure.body);
    const auto& head = m_request->head;
    if (failure.status == 404 && said == "File Not Found") {
        const auto what = unknown_path_message(head.method, head.path);
        const bool wrong_method = head.method != "POST" && needs_model("POST", head.path);
        if (!wrong_method) throw Refused{404, "not_found", what};
        throw Refused{
            .status = 405, .code = "not_found", .message = what, .more_lines = "Allow: POST\r\n"};
    }
    if (failure.status == 400 && said == "model name is missing from the request") {
        if (!m_request->json && !m_request->body.view().empty())
            throw Refused{400, "invalid_json", "The body must be a JSON object."};
        throw Refused{400, "model_missing", unnamed_message(head.path, m_shared.models), "model"};
    }
    if (failure.status == 400 && said.starts_with("[json.exception.parse_error")) {
        if (const auto why = broken_json_message(m_request->body.view()))
            throw Refused{400, "invalid_json", *why};
    }
    if (failure.status == 500 && said.starts_with("image input is not supported")) {
        std::vector<std::string> seeing;
        for (const auto& model : m_shared.models.models()) {
            if (model.mmproj && seeing.size() < k_names_told_max)
                seeing.push_back(model.names.empty() ? model.id : model.names.front());
        }
        const auto& name = m_request->asked.empty() ? m_request->model : m_request->asked;
        throw Refused{400, "no_pictures", no_pictures_message(name, seeing)};
    }
    if (const auto why = long_input_message(said)) throw Refused{400, "input_too_long", *why};
}

// What the client is told in place of llama-server's own error, where that would not do.
std::optional<std::string> Session::own_words_for(const Exchange& exchange,
                                                  const server::Failure& failure) const {
    if (!exchange.complete()) return std::nullopt;
    return translated_error(dialect(), failure.status, failure.body, asked_model());
}

AskedModel Session::asked_model() const {
    AskedModel asked;
    asked.context = m_shared.context_of(m_request->model);
    asked.kind = asked.needed = kind_asked(m_request->head.path);
    for (const auto& model : m_shared.models.models()) {
        const auto& name = model.names.empty() ? model.id : model.names.front();
        if (model.id == m_request->model) {
            asked.name = name;
            asked.kind = model.kind;
        } else if (model.kind == asked.needed && asked.fitting.size() < k_names_told_max) {
            asked.fitting.push_back(name);
        }
    }
    return asked;
}

// `content`: what came with the head. Slow clients hold llama-server back.
Task<> Session::relay(Exchange& exchange, std::string_view content) {
    if (m_request->ollama) co_return co_await relay_ollama(exchange, content);
    begin_answer(exchange.head);
    while (true) {
        keep_tail(content);
        const bool whole = send_content(content, exchange.complete());
        if (!whole) break;
        if (exchange.request_sent()) m_request->free_body(); // no replay is possible any more
        if (exchange.complete()) {
            exchange.release();
            co_return;
        }
        if (!m_client.all_taken()) co_await m_client.taken();
        const auto came = co_await exchange.next();
        if (came == Exchange::Came::broken) break;
        content = exchange.content();
    }
    co_await cut_answer();
}

// The last part of llama-server's answer, which tells what it has counted.
void Session::keep_tail(std::string_view content) {
    constexpr std::size_t k_kept = 2048;
    auto& tail = m_record.tail;
    if (content.size() > k_kept) content.remove_prefix(content.size() - k_kept);
    if (tail.size() + content.size() > 2 * k_kept)
        tail.erase(0, tail.size() - std::min(tail.size(), k_kept));
    tail.append(content);
}

void Session::begin_answer(const ResponseHead& head) {
    const auto input = head_input();
    const bool signs = m_client.signs_sent(); // then the client has a head already
    const bool chunks = head.framing == Framing::chunked;
    m_client.end_keep_alive();
    m_record.status = head.status;
    m_record.first_byte = Clock::now();
    m_record.passed_on = true;
    m_head_down = signs ? std::string() : client_head(head, input);
    m_chunked = signs || (chunks && input.http_1_1);
    m_events = header(head.headers, "content-type").value_or("").starts_with("text/event-stream");
    m_from_router = chunks;
    m_between_events = true;
    m_remark = {};
    m_kept.clear();
    m_message_begins = m_events && head.status == 200 && is_anthropic(m_request->head.path);
    m_beginning.clear();
    const bool has_end = m_chunked || (!chunks && head.framing != Framing::until_close);
    m_ending = !input.keep_alive || !has_end;
}

// llama-server can leave out the event that a stream of messages begins with; what comes before it
// is known is held.
std::string Session::with_message_start(std::string_view content, bool last) {
    m_beginning.append(content);
    const auto id = concat("msg_", m_shared.id_prefix, m_shared.last_request + 1);
    const auto verdict = judge_message_start(m_beginning, {id, m_request->model});
    if (const auto* const wait = std::get_if<AwaitFirstEvent>(&verdict); wait != nullptr && !last) {
        auto passes = m_beginning.substr(0, wait->may_pass);
        m_beginning.erase(0, wait->may_pass);
        return passes;
    }
    if (const auto* const insert = std::get_if<InsertMessageStart>(&verdict))
        m_beginning.insert(insert->at, insert->bytes);
    m_message_begins = false;
    return std::exchange(m_beginning, {});
}

// False: llama-server's router has ended the answer in the middle, whatever the framing says.
bool Session::send_content(std::string_view content, bool last) {
    std::string joined;
    if (m_from_router && !(content.empty() && m_kept.empty())) {
        m_remark.feed(content);
        if (!m_kept.empty()) content = joined = std::exchange(m_kept, {}).append(content);
        const auto remark = router_remark_bytes(content);
        m_kept = content.substr(content.size() - remark);
        content.remove_suffix(remark);
    }
    const bool half = last && m_remark.at_end();
    std::string begun;
    if (m_message_begins) content = begun = with_message_start(content, last && !half);
    if (!content.empty()) m_between_events = content.ends_with("\n\n");
    m_record.bytes += content.size();
    const auto end = last && !half ? k_last_chunk : std::string_view();
    if (!m_chunked) {
        m_client.send({m_head_down, content});
    } else if (content.empty()) {
        m_client.send({m_head_down, end});
    } else {
        m_client.send({m_head_down, chunk_size_line(content.size()), content, "\r\n", end});
    }
    m_head_down.clear();
    return !half;
}

// What the client has is not whole: the connection ends without the last chunk. Where that is
// possible, an event says why.
Task<> Session::cut_answer() {
    ++m_shared.counters.cut;
    m_record.end = m_peer.empty() ? "llama-server left" : "the peer left";
    m_ending = true;
    if (!m_events || !m_chunked || !m_between_events) co_return;
    std::string what = concat("the connection to ", m_peer,
                              " broke in the middle of this answer; please ask once more");
    if (m_peer.empty()) what = co_await why_cut();
    const auto body = error_body(dialect(), {502, "model_unreachable", what});
    m_client.send({chunk_of(error_event(dialect(), body))});
}

Task<std::string> Session::why_cut() {
    server::Failure failure{m_generation, m_request->model, k_router_failure,
                            "proxy error: Failed to read connection", Clock::now()};
    failure.stage = server::Failure::Stage::begun;
    const auto verdict = co_await verdict_on(failure);
    const auto* told = std::get_if<server::GiveUp>(&verdict);
    co_return concat(told != nullptr ? told->message
                                     : "the model's process ended in the middle of this answer",
                     "; odysseus starts it again, please ask once more");
}

// Comments keep whatever lies between from giving up, and mean nothing to the client. The first one
// commits to status 200.
void Session::expect_answer() {
    // Another odysseus sends its client signs of its own.
    if (!m_request->stream || !m_request->head.http_1_1 || m_request->forwarded) return;
    if (m_request->ollama) {
        m_client.keep_alive(
            client_head(lines_head(), head_input()),
            chunk_of(ollama_sign(*m_request->ollama, ollama_model(), system_time_ns())),
            m_shared.settings.sse_ping);
        return;
    }
    ResponseHead ours;
    ours.status = 200;
    ours.reason = "OK";
    ours.framing = Framing::chunked;
    ours.headers = {{"Content-Type", "text/event-stream"},
                    {"Cache-Control", "no-cache"},
                    {"X-Accel-Buffering", "no"}};
    m_client.keep_alive(client_head(ours, head_input()), chunk_of(ping_event(dialect())),
                        m_shared.settings.sse_ping);
}

// The last event of a stream that has begun with signs of life.
void Session::end_with_event(std::string_view error) {
    m_client.end_keep_alive();
    m_client.send({chunk_of(error_event(dialect(), error)), k_last_chunk});
}

} // namespace odysseus::proxy
