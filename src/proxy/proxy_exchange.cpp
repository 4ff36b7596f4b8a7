// The way up, and what happens when llama-server does not answer well.
#include "proxy_exchange.hpp"

#include "odysseus/base/log.hpp"
#include "http_forward.hpp"
#include "odysseus/base/text.hpp"

#include "odysseus/base/exception_text.hpp"
#include "proxy_client.hpp"

#include <array>
#include <utility>

namespace odysseus {
namespace {

constexpr int k_client_left_status = 499; // for the log alone, as nginx writes it

// A verdict that cannot be had is none: the client gets llama-server's own answer.
Verdict verdict_on(const Failure& failure, Upstream& upstream, const GaveUp& gave_up) {
    try {
        return upstream.report(failure, gave_up);
    } catch (...) {
        log::error(cat("the cause of a failure was not found: ", current_exception_text()));
        return PassOn{};
    }
}

} // namespace

Exchange::Exchange(ProxyCore& core, Client& client, ProxyRequest& request)
    : m_core(core), m_client(client), m_request(request), m_waiting_since(core.now),
      m_last_ping(core.now) {
    ++m_core.counters.total;
    ++m_core.counters.active;
}

Exchange::~Exchange() {
    *m_gone = true;
    drop_link();
    leave_switches();
    if (m_stage != Stage::ended) --m_core.counters.active;
}

void Exchange::start() {
    attempt();
}

void Exchange::attempt() {
    m_serving = m_core.upstream.current();
    switch (m_serving.state) {
    case State::ready: break;
    case State::starting:
    case State::restarting:
        m_stage = Stage::waiting;
        m_core.call_when_ready(m_client.id());
        return;
    case State::stopping:
    case State::failed:
        give_up(503, m_serving.state == State::failed ? "llama_server_failed" : "stopping",
                m_serving.reason.empty() ? "odysseus is stopping." : m_serving.reason,
                m_serving.retry_after);
        return;
    }
    if (!m_request.with_key && m_serving.api_key.empty()) {
        give_up(401, "invalid_api_key", "A valid API key is needed: Authorization: Bearer KEY.");
        return;
    }
    if (!my_turn()) return;
    UpstreamHeadInput input;
    input.target = m_request.target;
    const auto host = "127.0.0.1:" + std::to_string(m_serving.port);
    input.host = host;
    const auto body = m_request.body.size();
    if (m_request.head.framing != Framing::none) {
        input.content_length = body;
        if (m_request.edit) {
            const auto& edit = *m_request.edit;
            input.content_length = body - (edit.range.end - edit.range.begin) + edit.text.size();
        }
    }
    input.drop_client_key = !m_core.settings.access.keys.empty();
    if (m_request.with_key) input.upstream_key = m_serving.api_key;
    m_head_up = upstream_head(m_request.head, input);
    m_sent_at = std::chrono::steady_clock::now();
    connect(false);
}

// Whether the model may be used now; if not, the exchange is called when that may have changed.
bool Exchange::my_turn() {
    if (!m_request.loads_model) return true;
    if (m_ticket == 0) m_ticket = m_core.switches.enter(m_request.model);
    if (m_core.switches.admitted(m_ticket)) return true;
    m_stage = Stage::waiting;
    m_core.call_on_turn(m_client.id());
    return false;
}

void Exchange::leave_switches() {
    if (m_ticket != 0) m_core.leave_switches(std::exchange(m_ticket, 0));
}

void Exchange::connect(bool fresh) {
    m_stage = Stage::sending;
    m_sent = 0;
    m_in.clear();
    m_head = {};
    m_all_sent = false;
    m_takes_no_more = false;
    m_link = m_core.links.take(*this, m_serving.port, fresh);
    if (m_link == nullptr) {
        link_broke();
        return;
    }
    if (m_link->used_before()) send_request();
}

// The head, then the body in up to three pieces: before, instead of and behind the name.
void Exchange::send_request() {
    const auto body = m_request.body.view();
    std::array<std::string_view, 4> pieces{m_head_up, body, {}, {}};
    if (m_request.edit) {
        const auto& edit = *m_request.edit;
        pieces = {m_head_up, body.substr(0, edit.range.begin), edit.text,
                  body.substr(edit.range.end)};
    }
    auto skip = m_sent;
    std::array<std::string_view, 4> left{};
    std::size_t count = 0;
    for (const auto piece : pieces) {
        const auto skipped = std::min(skip, piece.size());
        skip -= skipped;
        if (skipped < piece.size()) left[count++] = piece.substr(skipped);
    }
    std::size_t wanted = 0;
    for (std::size_t i = 0; i < count; ++i)
        wanted += left[i].size();
    const auto result = platform::send(m_link->socket(), {left.data(), count});
    m_sent += result.bytes;
    m_all_sent = result.bytes == wanted;
    m_takes_no_more = result.moved == platform::Moved::broken;
    if (m_takes_no_more && m_stage == Stage::sending) {
        receive(); // the reason may have come; if not, it is found broken there
        return;
    }
    if (m_all_sent && m_stage == Stage::sending) m_stage = Stage::head;
    watch_link();
    let_body_go();
}

// Once the client has begun to get an answer the request cannot be sent again.
void Exchange::let_body_go() {
    if (m_stage == Stage::relaying && (m_all_sent || m_takes_no_more)) m_client.release_body();
}

// Whether what llama-server sends must wait: for the verdict, or for the client.
bool Exchange::paused() const {
    return m_stage == Stage::judging || (m_stage == Stage::relaying && !m_client.takes_more());
}

// The rest of a request is sent on while its answer comes, whether the client takes that or not.
void Exchange::watch_link() {
    const bool read = !paused();
    const bool write = !m_all_sent && !m_takes_no_more;
    m_core.links.watch(*m_link, {.read = read, .write = write, .hang_up = read});
}

void Exchange::on_link(const platform::Ready& ready) {
    try {
        link_ready(ready);
    } catch (...) { // no memory, most likely: one request ends, not all
        log::error(cat("a request was given up: ", current_exception_text()));
        m_client.cut();
    }
}

void Exchange::link_ready(const platform::Ready& ready) {
    if (m_link == nullptr) return;
    if (!m_all_sent && !m_takes_no_more && ready.writable) {
        if (m_sent == 0 && !platform::is_connected(m_link->socket())) {
            link_broke();
            return;
        }
        send_request();
        if (m_link == nullptr) return;
    }
    if (ready.readable || ready.hung_up) receive();
}

void Exchange::receive() {
    if (paused()) {
        watch_link();
        return;
    }
    auto& scratch = m_core.scratch;
    const auto got = platform::receive(m_link->socket(), scratch.data(), scratch.size());
    if (got.moved == platform::Moved::later) return;
    if (got.moved != platform::Moved::some) {
        link_broke();
        return;
    }
    take({scratch.data(), got.bytes});
}

void Exchange::take(std::string_view bytes) {
    switch (m_stage) {
    case Stage::sending: // an answer before the whole request was taken: an error, mostly
    case Stage::head:
        m_in.append(bytes);
        take_head();
        return;
    case Stage::holding: hold(bytes); return;
    case Stage::relaying: relay(bytes); return;
    default: return;
    }
}

// The connection ended, or could not be made.
void Exchange::link_broke() {
    const bool stale = m_link != nullptr && m_link->used_before();
    drop_link();
    switch (m_stage) {
    case Stage::sending:
    case Stage::head:
        if (stale && m_in.empty() && !m_stale_retry_done) {
            // llama-server closed it while it was idle; the request was not read.
            m_stale_retry_done = true;
            connect(true);
            return;
        }
        m_head = {};
        judge();
        return;
    case Stage::holding: judge(); return;
    case Stage::relaying:
        if (m_head.framing == Framing::until_close) {
            answer_complete(false);
            return;
        }
        // What the client has is not whole: the connection ends without the last chunk.
        ++m_core.counters.cut;
        end("llama-server left", m_head.status);
        m_client.exchange_ended(false);
        return;
    default: return;
    }
}

// Asks the supervisor, on another thread: it may step down the ladder and load the model meanwhile.
void Exchange::judge() {
    if (m_replayed || (m_head.status != 0 && m_head.status < 500)) { // once is all
        pass_on_failure();
        return;
    }
    m_stage = Stage::judging;
    if (m_link != nullptr) watch_link();
    Failure failure{m_serving.generation, m_request.model, m_head.status, m_failure, m_sent_at};
    auto& core = m_core;
    core.errands.run([&core, failure = std::move(failure), gone = m_gone, self = this,
                      client_id = m_client.id()] {
        const auto verdict = verdict_on(failure, core.upstream, [&gone] { return gone->load(); });
        core.post([&core, verdict, gone, self, client_id] {
            core.with_client(client_id, [&](Client& /*client*/) {
                if (!*gone) self->judged(verdict);
            });
        });
    });
}

void Exchange::judged(const Verdict& verdict) {
    if (const auto* const up = std::get_if<GiveUp>(&verdict)) {
        give_up(up->status, up->code, up->message, up->retry_after);
        return;
    }
    if (std::holds_alternative<PassOn>(verdict)) {
        pass_on_failure();
        return;
    }
    ++m_core.counters.replayed;
    m_replayed = true;
    m_stale_retry_done = false;
    drop_link();
    m_held.clear();
    m_failure.clear();
    m_held_chunks = {};
    m_stage = Stage::waiting;
    m_waiting_since = m_core.now;
    attempt();
}

// An error of odysseus's own ends the request.
void Exchange::give_up(int status, std::string_view code, const std::string& message,
                       std::optional<std::chrono::seconds> retry_after) {
    drop_link();
    if (m_pinged) {
        end_pinged(openai_error(status, code, message), status);
        return;
    }
    end(nullptr, status);
    m_client.answer_error(status, code, message, {}, retry_after);
}

void Exchange::upstream_settled() {
    if (m_stage == Stage::waiting) attempt();
}

void Exchange::client_left() {
    if (m_stage == Stage::ended) return;
    ++m_core.counters.hung_up;
    end("client left", m_first_byte == TimePoint{} ? k_client_left_status : m_head.status);
}

void Exchange::sweep() {
    const auto& settings = m_core.settings;
    if (m_stage == Stage::waiting && m_core.now - m_waiting_since > settings.limits.ready_wait) {
        if (m_serving.state == State::ready) {
            give_up(503, "model_busy", "llama-server is busy with another model; try again later.",
                    m_serving.retry_after);
        } else {
            give_up(504, "llama_server_not_ready",
                    cat("llama-server did not become ready in time. ", m_serving.reason),
                    m_serving.retry_after);
        }
        return;
    }
    const bool before_answer = m_stage != Stage::relaying && m_stage != Stage::ended;
    if (before_answer && settings.sse_ping.count() > 0 && m_request.stream &&
        m_request.head.http_1_1 && m_core.now - m_last_ping >= settings.sse_ping)
        ping();
}

// A comment in the event stream: it keeps whatever lies between from giving up, and means nothing
// to the client. The first one commits to status 200.
void Exchange::ping() {
    m_last_ping = m_core.now;
    if (!m_client.takes_more()) return;
    const auto comment = chunk_of(": loading...\n\n");
    std::string head;
    if (!m_pinged) {
        ResponseHead ours;
        ours.status = 200;
        ours.reason = "OK";
        ours.framing = Framing::chunked;
        ours.headers = {{"Content-Type", "text/event-stream"},
                        {"Cache-Control", "no-cache"},
                        {"X-Accel-Buffering", "no"}};
        head = client_head(ours, m_client.head_input());
        m_pinged = true;
    }
    if (!m_client.write({head, comment})) m_client.cut();
}

void Exchange::drop_link() {
    if (m_link == nullptr) return;
    m_core.links.drop(*m_link);
    m_link = nullptr;
}

// The request is over for llama-server; what the client is told, others do. Without `how` they also
// write the log's line.
void Exchange::end(const char* how, int status) {
    if (m_stage == Stage::ended) return;
    m_stage = Stage::ended;
    *m_gone = true;
    drop_link();
    leave_switches();
    auto& counters = m_core.counters;
    --counters.active;
    if (how == nullptr) return;
    const auto finished = Clock::now();
    const auto since = [&](TimePoint to) {
        return std::chrono::duration<double, std::milli>(to - m_request.began).count();
    };
    RequestLine line;
    line.id = m_request.id;
    line.method = m_request.head.method;
    line.path = m_request.head.path;
    line.model = m_request.model;
    line.status = status;
    line.bytes = m_bytes;
    line.total_ms = since(finished);
    if (m_first_byte != TimePoint{}) {
        line.first_byte_ms = since(m_first_byte);
        counters.first_byte_us += static_cast<std::uint64_t>(line.first_byte_ms * 1000);
        counters.total_us += static_cast<std::uint64_t>(line.total_ms * 1000);
        ++counters.by_class[static_cast<std::size_t>(status / 100) % 6];
    }
    line.end = *how != '\0' ? how : m_replayed ? "complete, sent twice" : "";
    counters.bytes += m_bytes;
    m_core.request_log.add(std::move(line));
}

} // namespace odysseus
