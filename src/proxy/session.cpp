#include "session.hpp"

#include "dialect.hpp"
#include "endpoints.hpp"
#include "odysseus/base/text.hpp"
#include "query.hpp"
#include "request_line.hpp"

#include "blocking.hpp"
#include "ollama_work.hpp"
#include "own_pages.hpp"

#include <algorithm>

namespace odysseus::proxy {
namespace {

constexpr int k_client_left_status = 499; // for the log alone, as nginx writes it
constexpr std::chrono::seconds k_look_again{1};

bool says_json(const HeaderLines& lines) {
    const auto type = header(lines, "content-type").value_or("");
    return same_name(trimmed(type.substr(0, type.find(';'))), "application/json");
}

[[noreturn]] void refuse_in_vain(const server::GiveUp& in_vain) {
    throw Refused{.status = in_vain.status,
                  .code = in_vain.code,
                  .message = in_vain.message,
                  .retry_after = in_vain.retry_after};
}

// For a request that loads this model (empty: for any other). If that cannot be told, it is asked
// for again.
server::Serving serving_for(server::LlamaControl& upstream, const std::string& model) {
    std::variant<server::Serving, server::GiveUp> admitted;
    try {
        if (model.empty()) return upstream.current();
        admitted = upstream.admit(model);
    } catch (...) {
        return {};
    }
    if (auto* const in_vain = std::get_if<server::GiveUp>(&admitted)) refuse_in_vain(*in_vain);
    return std::get<server::Serving>(std::move(admitted));
}

bool is_local_peer(const TcpSocket& socket) {
    asio::error_code error;
    const auto peer = socket.remote_endpoint(error);
    return !error && is_local_address(peer.address().to_string());
}

} // namespace

Session::InFlight::InFlight(Session& session) : m_session(session) {
    auto& counters = session.m_shared.counters;
    if (counters.active++ >= session.m_limits.requests_max) {
        --counters.active;
        throw Refused{.status = 503,
                      .code = "server_busy",
                      .message = "Too many requests are in progress; try again shortly.",
                      .retry_after = std::chrono::seconds(1)};
    }
    ++counters.total;
}

Session::InFlight::~InFlight() {
    auto& counters = m_session.m_shared.counters;
    if (m_session.m_client.gone()) ++counters.hung_up;
    counters.last_end = Clock::now().time_since_epoch().count();
    --counters.active;
}

Session::Session(Shared& shared, Loop& loop, TcpSocket socket, Door door)
    : m_shared(shared), m_limits(shared.settings.limits), m_door(door),
      m_peer_is_local(is_local_peer(socket)),
      m_client(loop, std::move(socket), m_limits.write_pause, shared.settings.tls) {}

Task<> Session::serve() {
    try {
        bool another = true;
        while (another) {
            std::optional<Refused> refused;
            try {
                another = co_await serve_request();
            } catch (const Refused& why) {
                refused = why;
            }
            if (refused) refuse(*refused);
            if (m_record.status != 0) end_request();
            another = another && !m_ending && !m_client.loop().stopping;
        }
        co_await m_client.linger();
    } catch (const ClientGone&) {
        if (!m_request || (m_request->target.empty() && m_record.status == 0)) co_return;
        if (m_record.status == 0) m_record.status = k_client_left_status;
        if (m_record.end.empty()) m_record.end = "client left";
        end_request();
    } catch (const LoopEnds&) { // odysseus ends, and with it what is under way
    }
}

// The life of a request. False: there is none.
Task<bool> Session::serve_request() {
    m_client.set_answering(false);
    co_await m_client.taken(); // what was answered before
    m_request.emplace(m_shared.bodies_bytes);
    m_record = {};
    m_tried.clear();
    m_conversation.reset();
    m_peer.clear();
    m_peer_failure.clear();
    const bool came = co_await read_head(m_client, *m_request, m_limits);
    if (!came) co_return false;
    if (m_client.spoke_plain())
        throw Refused{.status = 400,
                      .code = "https_required",
                      .message = "This port speaks https; use https:// in place of http://.",
                      .ends_connection = true};
    m_body_unread = m_request->head.framing != Framing::none;
    m_ending = !m_request->head.keep_alive;
    if (const auto preflight = admit(*m_request, m_shared.settings.access, m_peer_is_local)) {
        m_ending = m_ending || m_body_unread;
        answer(*preflight);
        co_return true;
    }
    co_await read_body(m_client, *m_request, m_limits);
    m_body_unread = false;
    m_client.set_answering(true);
    co_await inflate_body(m_client, m_shared.inflating, *m_request, m_limits);

    const bool own = co_await answer_by_itself();
    if (own) co_return true;
    co_await settle_model(); // or 404
    const InFlight counted(*this);
    expect_answer();
    const bool elsewhere = co_await answered_by_peer();
    if (elsewhere) co_return true;
    std::optional<Refused> in_vain;
    try {
        co_await answer_here();
    } catch (const Refused& why) {
        in_vain = why;
    }
    if (in_vain) {
        m_tried.push_back(k_here);
        const bool helped = in_vain->status >= 500 && co_await answered_by_peer();
        if (!helped) throw Refused(*in_vain);
    }
    co_return true;
}

// By this machine's llama-server.
Task<> Session::answer_here() {
    const auto turn_taken = co_await turn();
    while (true) {
        const auto serving = co_await server_ready();
        const auto head = head_up(serving);
        Exchange exchange(m_client, m_request->pieces(head), m_request->head.method == "HEAD");
        m_generation = serving.generation;
        auto failure = co_await forward(exchange, serving);
        if (!failure) break; // it was answered
        if (m_record.replayed) failure->stage = server::Failure::Stage::again;
        const bool again = co_await cured(*failure);
        if (!again || m_record.replayed) {
            co_await pass_on(exchange, *failure);
            break;
        }
        m_record.replayed = true;
        ++m_shared.counters.replayed;
    }
    if (m_request->ollama && m_request->ollama->unload_after && m_request->loads_model)
        unload_when_unused(m_shared, m_client.loop(), m_request->model);
}

Task<bool> Session::answer_by_itself() {
    const auto& head = m_request->head;
    if (const auto ollama = ollama_endpoint_of(head.method, head.path))
        co_return co_await answer_ollama(*ollama);
    if (m_door == Door::ollama && head.path == "/" &&
        (head.method == "GET" || head.method == "HEAD")) {
        OwnAnswer running;
        running.content_type = "text/plain; charset=utf-8";
        running.body = "Ollama is running";
        answer(running);
        co_return true;
    }
    const bool names_model = query_value(head.query, "model").has_value();
    const auto endpoint = endpoint_of(head.method, head.path, names_model);
    if (endpoint == Endpoint::forward) co_return false;
    if (endpoint == Endpoint::models || endpoint == Endpoint::one_model) {
        const auto list = co_await models_page();
        answer(list);
    } else if (endpoint == Endpoint::pull) {
        co_await pull_for_page();
    } else if (endpoint == Endpoint::base_url) {
        throw Refused{404, "not_found",
                      "This is the base URL of the interface; ask for what lies below it, such as "
                      "/v1/models or /v1/chat/completions."};
    } else if (endpoint == Endpoint::asterisk) {
        OwnAnswer allowed;
        allowed.status = 204;
        allowed.more_lines = "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n";
        answer(allowed);
    } else {
        answer(own_page(endpoint, head.query, m_shared));
    }
    co_return true;
}

// Until nobody uses the model that must go for this one.
Task<Turns::Turn> Session::turn() {
    const bool unloads = m_request->ollama && m_request->ollama->form == OllamaForm::unload;
    if (!m_request->loads_model && !unloads) co_return Turns::Turn();
    Turns::Turn mine(m_shared.turns, m_request->model, m_client.wake_up(), unloads);
    const auto latest = Clock::now() + m_limits.ready_wait;
    while (!mine.has_come()) {
        const auto now = Clock::now();
        if (now >= latest)
            throw Refused{.status = 503,
                          .code = "model_busy",
                          .message = "llama-server is busy with another model; try again later.",
                          .retry_after = std::chrono::seconds(1)};
        co_await m_client.pause(std::min(latest, now + k_look_again));
    }
    co_return mine;
}

Task<server::Serving> Session::server_ready() {
    const auto latest = Clock::now() + m_limits.ready_wait;
    std::optional<Loop::Poll> poll;
    while (true) {
        auto serving = serving_for(m_shared.upstream,
                                   m_request->loads_model ? m_request->model : std::string());
        if (serving.state == server::State::ready && !m_shared.held) {
            if (m_request->with_key || !serving.api_key.empty()) co_return serving;
            throw Refused{.status = 401,
                          .code = "invalid_api_key",
                          .message = "A valid API key is needed: Authorization: Bearer KEY."};
        }
        const bool failed = serving.state == server::State::failed;
        if (failed || serving.state == server::State::stopping)
            throw Refused{.status = 503,
                          .code = failed ? "llama_server_failed" : "stopping",
                          .message =
                              serving.reason.empty() ? "odysseus is stopping." : serving.reason,
                          .retry_after = serving.retry_after};
        if (Clock::now() >= latest)
            throw Refused{.status = 504,
                          .code = "llama_server_not_ready",
                          .message =
                              concat("llama-server did not become ready in time. ", serving.reason),
                          .retry_after = serving.retry_after};
        if (!poll) poll.emplace(m_client.loop());
        co_await m_client.pause(latest);
    }
}

std::string Session::head_up(const server::Serving& serving) const {
    UpstreamHeadInput input;
    input.target = m_request->target;
    const auto host = "127.0.0.1:" + std::to_string(serving.port);
    input.host = host;
    input.content_length = m_request->content_length();
    input.as_json = m_request->json && !says_json(m_request->head.headers);
    input.body_inflated = m_request->coding != Coding::none;
    input.drop_client_key = !m_shared.settings.access.keys.empty();
    if (m_request->with_key) input.upstream_key = serving.api_key;
    return upstream_head(m_request->head, input);
}

// Asks the supervisor, which may step down the ladder and load the model meanwhile.
Task<server::Verdict> Session::verdict_on(const server::Failure& failure) {
    const auto gave_up = [wake_up = m_client.wake_up()] { return wake_up.gone(); };
    const auto judge = [&upstream = m_shared.upstream, failure, gave_up]() -> server::Verdict {
        try {
            return upstream.report(failure, gave_up);
        } catch (...) { // no verdict: the client gets llama-server's own words
            return server::PassOn{};
        }
    };
    co_return co_await blocking(m_shared.judging, m_client, judge);
}

// True: the request is worth another try.
Task<bool> Session::cured(const server::Failure& failure) {
    const auto verdict = co_await verdict_on(failure);
    if (const auto* const in_vain = std::get_if<server::GiveUp>(&verdict)) refuse_in_vain(*in_vain);
    co_return std::holds_alternative<server::Replay>(verdict);
}

Dialect Session::dialect() const {
    if (m_request->ollama) return Dialect::ollama;
    if (!m_request->head.path.empty()) return dialect_of(m_request->head.path);
    return dialect_of_beginning(m_request->head_text.empty() ? m_client.in : m_request->head_text);
}

void Session::refuse(const Refused& why) {
    ++m_shared.counters.refused;
    m_record.code = why.code;
    const auto text = error_body(dialect(), {why.status, why.code, why.message, why.param});
    if (m_client.signs_sent()) {
        m_record.status = why.status;
        m_record.end = "error as an event";
        end_with_event(text);
        return;
    }
    m_ending = m_ending || why.ends_connection || m_body_unread;
    OwnAnswer error;
    error.status = why.status;
    error.body = text;
    error.more_lines = why.more_lines;
    if (why.retry_after) error.retry_after_s = why.retry_after->count();
    answer(error);
    if (why.status == 403) m_record.end = why.message; // who was not let in, and the flag for it
}

void Session::answer(const OwnAnswer& own) {
    m_client.end_keep_alive();
    m_record.status = own.status;
    m_record.bytes = own.body.size();
    m_record.first_byte = Clock::now();
    m_record.end = "own answer";
    m_client.send({own_answer(own, head_input(), m_request->head.method == "HEAD")});
}

ClientHeadInput Session::head_input() const {
    ClientHeadInput input;
    input.keep_alive = !m_ending && !m_client.loop().stopping;
    input.allowed_origin = m_request->allowed_origin;
    if (!m_request->head.method.empty()) input.http_1_1 = m_request->head.http_1_1;
    return input;
}

void Session::end_request() {
    auto& counters = m_shared.counters;
    const auto& head = m_request->head;
    const auto since = [&](TimePoint to) {
        return std::chrono::duration<double, std::milli>(to - m_request->began).count();
    };
    RequestLine line;
    line.id = concat(m_shared.id_prefix, ++m_shared.last_request);
    line.method = head.method;
    line.path = m_request->ollama ? m_request->client_path : std::string(head.path);
    const auto& name = m_record.asked.empty() ? m_request->model : m_record.asked;
    line.model = m_peer.empty() ? name : concat(name, '@', m_peer);
    line.code = m_record.code;
    line.count = count_in(m_record.tail);
    line.status = m_record.status;
    line.bytes = m_record.bytes;
    line.total_ms = since(Clock::now());
    if (m_record.first_byte != TimePoint{}) line.first_byte_ms = since(m_record.first_byte);
    if (m_record.passed_on) {
        counters.first_byte_us += static_cast<std::uint64_t>(line.first_byte_ms * 1000);
        counters.total_us += static_cast<std::uint64_t>(line.total_ms * 1000);
        ++counters.by_class[static_cast<std::size_t>(m_record.status / 100) % 6];
        counters.bytes += m_record.bytes;
    } else if (m_record.end == "own answer") { // some pages are asked for over and over
        line.detail = m_record.status < 400 || head.path == "/health";
    }
    line.end = !m_record.end.empty() ? m_record.end
               : m_record.replayed   ? "complete, sent twice"
                                     : "";
    if (m_request->ollama && !m_request->ollama->not_applied.empty())
        line.end += concat(line.end.empty() ? "complete, " : ", ",
                           "not applied: ", m_request->ollama->not_applied);
    m_shared.request_log.add(std::move(line));
    m_request.reset();
}

} // namespace odysseus::proxy
