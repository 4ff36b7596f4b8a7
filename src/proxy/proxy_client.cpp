#include "proxy_client.hpp"

#include "odysseus/base/log.hpp"
#include "endpoints.hpp"
#include "query.hpp"
#include "odysseus/base/text.hpp"

#include "odysseus/base/exception_text.hpp"
#include "own_question.hpp"
#include "proxy_exchange.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace odysseus {
namespace {

constexpr std::size_t k_read_ahead_max =
    std::size_t{64} * 1024; // of requests behind the present one
constexpr std::size_t k_body_read_max =
    std::size_t{512} * 1024; // in one turn, so that others get theirs
constexpr std::size_t k_body_reserved_max = std::size_t{64} * 1024;  // before it came
constexpr std::size_t k_answers_ahead_max = std::size_t{256} * 1024; // pipelined, and not yet taken
constexpr std::chrono::milliseconds k_linger{3000};

} // namespace

Client::Client(ProxyCore& core, std::uint64_t id, platform::Socket socket)
    : m_core(core), m_id(id), m_socket(std::move(socket)), m_since(core.now),
      m_write_since(core.now) {
    m_core.poller.add(m_socket, static_cast<Watched*>(this), m_interest);
}

Client::~Client() {
    release_body();
}

void Client::on_ready(const platform::Ready& ready) {
    if (!m_socket) return;
    try {
        if (ready.hung_up) m_hung_up = true;
        if (ready.writable && !m_out.empty()) flush();
        if (m_socket && (ready.readable || ready.hung_up)) read_input(ready.hung_up);
        if (m_socket) watch();
    } catch (...) { // no memory, most likely: one client ends, not all
        log::error(cat("a client was given up: ", current_exception_text()));
        cut();
    }
}

void Client::watch() {
    platform::Interest wanted;
    wanted.write = !m_out.empty();
    wanted.hang_up = !m_hung_up;
    switch (m_stage) {
    case Stage::head: wanted.read = m_out.size() < k_answers_ahead_max; break;
    case Stage::body:
    case Stage::lingering: wanted.read = true; break;
    case Stage::question:
    case Stage::exchange: wanted.read = m_in.size() < k_read_ahead_max; break;
    case Stage::last_bytes: wanted.read = false; break;
    }
    if (wanted == m_interest) return;
    m_interest = wanted;
    m_core.poller.change(m_socket, static_cast<Watched*>(this), wanted);
}

void Client::read_input(bool hung_up) {
    const bool busy = m_stage == Stage::exchange || m_stage == Stage::question;
    if (busy && hung_up) {
        cut();
        return;
    }
    if (m_stage == Stage::last_bytes) return;
    const bool into_body =
        m_stage == Stage::body && m_in.empty() && m_request->head.framing == Framing::length;
    char* into = m_core.scratch.data();
    std::size_t room = m_core.scratch.size();
    if (into_body) {
        const auto left = m_request->head.content_length - m_request->body.size();
        // As much again as has come: an announcement alone takes no memory.
        const auto fair = std::max(m_request->body.size(), k_body_reserved_max);
        room = static_cast<std::size_t>(
            std::min<std::uint64_t>(left, std::min(fair, k_body_read_max)));
        into = m_request->body.room(room);
    }
    const auto got = platform::receive(m_socket, into, room);
    if (got.moved == platform::Moved::later) return;
    if (got.moved != platform::Moved::some) {
        cut();
        return;
    }
    if (m_stage == Stage::lingering) return; // nobody wants it any more
    if (into_body) {
        m_request->body.grew(got.bytes);
        count_body(got.bytes);
        if (m_stage == Stage::body) take_body();
        return;
    }
    m_in.append(into, got.bytes);
    if (!busy) process_input();
}

// A request that is answered at once leads to the next one, and thousands may lie here: the loop
// goes through them, and what is called from it does not begin another.
void Client::process_input() {
    if (std::exchange(m_processing, true)) return;
    std::size_t before = 0;
    do {
        before = m_in.size();
        process_next();
    } while (m_socket && !m_in.empty() && m_in.size() != before);
    m_processing = false;
}

// Takes one head or more of a body, where all of a head is there.
void Client::process_next() {
    if (m_in.empty()) return;
    if (m_stage == Stage::body) {
        take_body();
        return;
    }
    if (m_stage != Stage::head || m_out.size() >= k_answers_ahead_max) return;
    if (!m_head_begun) {
        m_head_begun = true;
        m_since = m_core.now;
    }
    const auto found = find_head(m_in);
    if (std::holds_alternative<HeadPending>(found)) return;
    m_request = std::make_unique<ProxyRequest>();
    m_request->id = m_core.next_request_id();
    m_request->began = m_core.now;
    if (const auto* const refusal = std::get_if<Refusal>(&found)) {
        refuse(*refusal);
        return;
    }
    const auto& place = std::get<HeadEnd>(found);
    m_request->head_text = m_in.substr(place.begin, place.end - place.begin);
    m_in.erase(0, place.end);
    begin_request();
}

void Client::begin_request() {
    auto parsed = parse_request_head(m_request->head_text);
    if (const auto* const refusal = std::get_if<Refusal>(&parsed)) {
        refuse(*refusal);
        return;
    }
    auto& head = m_request->head;
    head = std::move(std::get<RequestHead>(parsed));
    if (!head.keep_alive || m_core.stopping) m_ending = true;
    // What is refused before its body was read ends the connection with it.
    const bool was_ending = m_ending;
    if (head.framing != Framing::none) m_ending = true;
    if (!admit()) return;
    const auto& limits = m_core.settings.limits;
    if (head.framing == Framing::length && head.content_length > limits.body_bytes_max) {
        answer_error(
            413, "request_too_large",
            cat("A request may have ", byte_text(static_cast<std::int64_t>(limits.body_bytes_max)),
                "; this one has ", byte_text(static_cast<std::int64_t>(head.content_length)), "."));
        return;
    }
    m_ending = was_ending;
    m_stage = Stage::body;
    m_since = m_core.now;
    if (head.framing == Framing::none ||
        (head.framing == Framing::length && head.content_length == 0)) {
        request_complete();
        return;
    }
    if (head.framing == Framing::length)
        m_request->body.reserve(static_cast<std::size_t>(
            std::min<std::uint64_t>(head.content_length, k_body_reserved_max)));
    if (head.expects_continue && m_in.empty() && !write({"HTTP/1.1 100 Continue\r\n\r\n"})) cut();
}

// Whether the request may come in. If not, it has its answer.
bool Client::admit() {
    const auto& rules = m_core.settings.access;
    const auto& head = m_request->head;
    if (!host_allowed(rules, head.host)) {
        answer_error(403, "host_not_allowed",
                     "This server does not answer to the host name that was asked for "
                     "(allow it with --allow-host).");
        return false;
    }
    if (!origin_allowed(rules, head.headers, head.host)) {
        answer_error(403, "origin_not_allowed",
                     "Pages of this origin may not use this server "
                     "(allow them with --allow-origin).");
        return false;
    }
    m_request->allowed_origin = header(head.headers, "origin").value_or("");
    if (head.method == "OPTIONS" && header(head.headers, "access-control-request-method")) {
        answer_preflight();
        return false;
    }
    if (key_allowed(rules, head.headers)) return true;
    m_request->with_key = false;
    const auto endpoint = endpoint_of(head.method, head.path, false);
    if (endpoint == Endpoint::health || endpoint == Endpoint::page ||
        (endpoint == Endpoint::forward && is_page_asset(head.method, head.path) &&
         !query_value(head.query, "model")))
        return true;
    OwnAnswer answer_;
    answer_.status = 401;
    answer_.more_lines = "WWW-Authenticate: Bearer\r\n";
    answer_.body = openai_error(401, "invalid_api_key",
                                "A valid API key is needed: Authorization: Bearer KEY.");
    ++m_core.counters.refused;
    answer(answer_);
    return false;
}

void Client::answer_preflight() {
    const auto& lines = m_request->head.headers;
    OwnAnswer allowed;
    allowed.status = 204;
    allowed.more_lines = "Access-Control-Allow-Methods: GET, POST, PUT, PATCH, DELETE, OPTIONS\r\n"
                         "Access-Control-Max-Age: 600\r\n";
    if (const auto wanted = header(lines, "access-control-request-headers"))
        allowed.more_lines += cat("Access-Control-Allow-Headers: ", *wanted, "\r\n");
    if (header(lines, "access-control-request-private-network"))
        allowed.more_lines += "Access-Control-Allow-Private-Network: true\r\n";
    answer(allowed);
}

// Moves what has been read into the body and looks at it while it is still in the cache.
void Client::take_body() {
    auto& request = *m_request;
    m_since = m_core.now;
    bool complete = false;
    if (request.head.framing == Framing::length) {
        const auto left = request.head.content_length - request.body.size();
        const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(left, m_in.size()));
        request.body.append(std::string_view(m_in).substr(0, taken));
        count_body(taken);
        if (m_stage != Stage::body) return;
        m_in.erase(0, taken);
        complete = request.body.size() == request.head.content_length;
    } else {
        std::string_view rest = m_in;
        while (!rest.empty() && request.chunks.state() == ChunkWalker::State::more) {
            const auto piece = request.chunks.next(rest);
            request.body.append(piece);
            count_body(piece.size());
            if (m_stage != Stage::body) return;
        }
        if (request.chunks.state() == ChunkWalker::State::broken) {
            refuse({400, "The chunks of the body are not well formed."});
            return;
        }
        m_in.erase(0, m_in.size() - rest.size());
        complete = request.chunks.state() == ChunkWalker::State::done;
    }
    request.scanner.feed(request.body.view());
    if (complete) request_complete();
}

// Every byte of a body counts against what all may have together.
void Client::count_body(std::size_t bytes) {
    m_counted_body += bytes;
    m_core.bodies_bytes += bytes;
    const auto& limits = m_core.settings.limits;
    if (m_request->body.size() > limits.body_bytes_max) {
        m_ending = true;
        answer_error(413, "request_too_large",
                     cat("A request may have ",
                         byte_text(static_cast<std::int64_t>(limits.body_bytes_max)), "."));
    } else if (m_core.bodies_bytes > limits.bodies_bytes_max) {
        m_ending = true;
        answer_error(503, "server_busy",
                     "Other large requests use the memory there is for them; try again shortly.",
                     {}, std::chrono::seconds(1));
    }
}

void Client::release_body() {
    m_core.bodies_bytes -= m_counted_body;
    m_counted_body = 0;
    if (m_request) m_request->body.clear();
}

void Client::request_complete() {
    const auto& head = m_request->head;
    const auto named = query_value(head.query, "model");
    switch (endpoint_of(head.method, head.path, named.has_value())) {
    case Endpoint::forward: forward(); return;
    case Endpoint::models: ask_for_models({}); return;
    case Endpoint::one_model:
        ask_for_models(head.path.substr(std::string_view("/v1/models/").size()));
        return;
    default: answer_endpoint(); return;
    }
}

void Client::forward() {
    const auto is_foreign = [this](std::string_view id) {
        return m_core.foreign_ids.find(id) != m_core.foreign_ids.end();
    };
    if (const auto unknown = settle_names(*m_request, m_core.models, is_foreign)) {
        ask_again(*unknown);
        return;
    }
    if (m_core.counters.active >= m_core.settings.limits.requests_max) {
        answer_error(503, "server_busy",
                     "As many requests as may be are in flight; try again shortly.", {},
                     std::chrono::seconds(1));
        return;
    }
    m_stage = Stage::exchange;
    m_exchange = std::make_unique<Exchange>(m_core, *this, *m_request);
    m_exchange->start();
}

void Client::upstream_settled() {
    if (m_exchange) m_exchange->upstream_settled();
}

void Client::exchange_ended(bool keep_connection) {
    if (!keep_connection) m_ending = true;
    next_request();
}

// The answer is complete, though perhaps not sent yet.
void Client::next_request() {
    if (m_exchange) m_core.bury(std::move(m_exchange));
    release_body();
    m_request.reset();
    m_head_begun = false;
    m_since = m_core.now;
    if (m_ending || m_core.stopping) {
        end_after_output();
        return;
    }
    m_stage = Stage::head;
    process_input();
    if (m_socket) watch();
}

void Client::end_after_output() {
    m_ending = true;
    m_stage = Stage::last_bytes;
    m_in = {};
    if (m_out.empty()) {
        platform::shut_down_sending(m_socket);
        m_stage = Stage::lingering;
        m_since = m_core.now;
    }
    watch();
}

bool Client::write(std::initializer_list<std::string_view> pieces) {
    std::array<std::string_view, platform::k_pieces_max> left{};
    std::size_t count = 0;
    for (const auto piece : pieces) {
        if (!piece.empty() && count < left.size()) left[count++] = piece;
    }
    std::size_t sent = 0;
    if (m_out.empty() && count > 0) {
        const auto result = platform::send(m_socket, {left.data(), count});
        if (result.moved == platform::Moved::broken) return false;
        sent = result.bytes;
        m_write_since = m_core.now;
    }
    for (std::size_t i = 0; i < count; ++i) {
        const auto skipped = std::min(sent, left[i].size());
        m_out.append(left[i].substr(skipped));
        sent -= skipped;
    }
    if (!m_out.empty()) watch();
    return true;
}

void Client::flush() {
    const auto view = m_out.view();
    const auto result = platform::send(m_socket, {&view, 1});
    if (result.moved == platform::Moved::broken) {
        cut();
        return;
    }
    if (result.bytes > 0) m_write_since = m_core.now;
    m_out.drop_front(result.bytes);
    if (!m_out.empty()) return;
    m_out.clear();
    if (m_stage == Stage::last_bytes) {
        end_after_output();
    } else if (m_stage == Stage::exchange && m_exchange) {
        m_exchange->client_takes_more();
    } else if (m_stage == Stage::head) {
        process_input();
    }
}

void Client::cut() {
    if (!m_socket) return;
    if (m_exchange) {
        m_exchange->client_left();
        m_core.bury(std::move(m_exchange));
    }
    m_stage = Stage::last_bytes; // whoever called from within a request goes on with nothing
    m_core.poller.remove(m_socket);
    m_socket.close();
    m_core.end_client(*this);
}

void Client::begin_stop() {
    m_ending = true;
    if (m_stage == Stage::head && !m_head_begun) end_after_output();
}

void Client::sweep() {
    if (!m_socket) return;
    const auto& limits = m_core.settings.limits;
    const auto waited = m_core.now - m_since;
    if (!m_out.empty() && m_core.now - m_write_since > limits.write_pause) {
        cut();
        return;
    }
    switch (m_stage) {
    case Stage::head:
        if (m_head_begun && waited > limits.head) {
            m_request = std::make_unique<ProxyRequest>();
            m_request->began = m_core.now;
            refuse({408, "The header lines did not arrive in time."});
        } else if (!m_head_begun && waited > limits.idle) {
            cut();
        }
        break;
    case Stage::body:
        if (waited > limits.body_pause) refuse({408, "The body did not arrive in time."});
        break;
    case Stage::question:
        if (m_question) m_question->sweep();
        break;
    case Stage::exchange:
        if (m_exchange) m_exchange->sweep();
        break;
    case Stage::lingering:
        if (waited > k_linger) cut();
        break;
    case Stage::last_bytes: break;
    }
}

} // namespace odysseus
