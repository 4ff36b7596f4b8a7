// The way back: llama-server's answer to the client, byte for byte.
#include "proxy_exchange.hpp"

#include "http_forward.hpp"
#include "odysseus/server/oom_verdict.hpp"
#include "odysseus/base/text.hpp"

#include "proxy_client.hpp"

#include <algorithm>
#include <utility>

namespace odysseus {
namespace {

constexpr std::size_t k_failure_body_max =
    std::size_t{64} * 1024;           // of a failure, held to have it judged
constexpr int k_router_failure = 500; // what the router itself says when it has not yet begun

} // namespace

// The head is complete, or not yet, or is none.
void Exchange::take_head() {
    while (true) {
        const auto end = m_in.find("\r\n\r\n");
        if (end == std::string::npos && m_in.size() <= k_head_bytes_max) return;
        m_head_bytes = end == std::string::npos ? 0 : end + 4;
        const auto head = parse_response_head(std::string_view(m_in).substr(0, m_head_bytes),
                                              m_request.head.method == "HEAD");
        if (!head) {
            give_up(502, "bad_answer", "llama-server's answer is not HTTP that can be passed on.");
            return;
        }
        m_head = *head;
        if (m_head.status >= 200) break;
        m_in.erase(0, m_head_bytes); // 100 Continue and the like concern this connection alone
    }
    m_left = m_head.content_length;
    m_chunks = {};
    const auto body = std::string_view(m_in).substr(m_head_bytes);
    // A process that dies after its head and before its answer is still one that can be replaced
    // unseen; the router's remark in place of the answer tells just that.
    if (m_head.status < 500 && m_request.loads_model) {
        const auto first = first_content(body);
        if (!first) return;
        if (is_router_remark(*first)) m_head.status = k_router_failure;
    }
    const bool to_judge = m_head.status >= 500; // after a replay it is only read
    // Once comments have gone out, an error can only be told as an event.
    if (to_judge || (m_pinged && m_head.status >= 400)) {
        m_stage = Stage::holding;
        hold(body);
        return;
    }
    pass_head();
    relay(body);
}

// What stands in the first chunk, if there are chunks; absent while the first byte is still to
// come.
std::optional<std::string_view> Exchange::first_content(std::string_view body) const {
    if (m_head.framing == Framing::length && m_left > 0 && body.empty()) return std::nullopt;
    if (m_head.framing != Framing::chunked) return std::string_view();
    ChunkWalker walker;
    const auto content = walker.next(body);
    if (content.empty() && walker.state() == ChunkWalker::State::more) return std::nullopt;
    return content;
}

void Exchange::pass_head() {
    m_stage = Stage::relaying;
    let_body_go();
    m_first_byte = Clock::now();
    const auto input = m_client.head_input();
    m_raw_chunks = m_pinged || input.http_1_1;
    m_keep_client =
        input.keep_alive && (m_pinged || (m_head.framing != Framing::until_close &&
                                          (m_head.framing != Framing::chunked || m_raw_chunks)));
    if (!m_pinged) m_head_down = client_head(m_head, input);
}

// Keeps a failure as it came, and its content for the supervisor.
void Exchange::hold(std::string_view bytes) {
    auto rest = bytes;
    bool complete = false;
    if (m_head.framing == Framing::chunked) {
        while (!rest.empty() && m_held_chunks.state() == ChunkWalker::State::more)
            m_failure.append(m_held_chunks.next(rest));
        complete = m_held_chunks.state() != ChunkWalker::State::more;
    } else if (m_head.framing == Framing::until_close) {
        m_failure.append(rest);
        rest = {};
    } else {
        const auto left =
            m_head.framing == Framing::none ? 0 : m_head.content_length - m_held.size();
        const auto piece =
            rest.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left, rest.size())));
        m_failure.append(piece);
        rest.remove_prefix(piece.size());
        complete = piece.size() == left;
    }
    m_held.append(bytes.substr(0, bytes.size() - rest.size()));
    if (!complete && m_held.size() < k_failure_body_max) return;
    const bool broken = m_held_chunks.state() == ChunkWalker::State::broken;
    if (complete) release_link(broken || !rest.empty());
    judge();
}

// Sends what is due before them (the head) and the pieces; false: the client has gone.
bool Exchange::send_down(std::string_view a, std::string_view b, std::string_view c) {
    const bool sent = m_client.write({m_head_down, a, b, c});
    m_head_down.clear();
    if (!sent) {
        m_client.cut();
        return false;
    }
    if (m_link != nullptr && !m_client.takes_more()) watch_link();
    return true;
}

bool Exchange::relay_content(std::string_view piece) {
    m_bytes += piece.size();
    if (m_pinged && !piece.empty()) return send_down(chunk_size_line(piece.size()), piece, "\r\n");
    return send_down(piece);
}

void Exchange::relay(std::string_view bytes) {
    switch (m_head.framing) {
    case Framing::none:
        if (relay_content({})) answer_complete(!bytes.empty());
        return;
    case Framing::length: {
        const auto piece = bytes.substr(
            0, static_cast<std::size_t>(std::min<std::uint64_t>(m_left, bytes.size())));
        m_left -= piece.size();
        if (relay_content(piece) && m_left == 0) answer_complete(bytes.size() > piece.size());
        return;
    }
    case Framing::chunked: relay_chunks(bytes); return;
    case Framing::until_close: (void)relay_content(bytes); return;
    }
}

// The chunks as they came; for HTTP/1.0, which has none, their content.
void Exchange::relay_chunks(std::string_view bytes) {
    auto rest = bytes;
    if (bytes.empty() && !send_down({})) return;
    std::size_t content_end = 0;
    while (!rest.empty() && m_chunks.state() == ChunkWalker::State::more) {
        const auto content = m_chunks.next(rest);
        if (content.empty()) continue;
        content_end = bytes.size() - rest.size();
        m_bytes += content.size();
        m_remark.feed(content);
        if (!m_raw_chunks && !send_down(content)) return;
    }
    const auto state = m_chunks.state();
    const bool half = state == ChunkWalker::State::done && m_remark.at_end();
    const auto taken = half ? content_end : bytes.size() - rest.size();
    if (m_raw_chunks && taken > 0 && !send_down(bytes.substr(0, taken))) return;
    if (half || state == ChunkWalker::State::broken) {
        link_broke();
    } else if (state == ChunkWalker::State::done) {
        answer_complete(!rest.empty());
    }
}

void Exchange::release_link(bool extra_bytes) {
    if (m_link == nullptr) return;
    if (extra_bytes || !m_all_sent || !m_head.keep_alive) {
        drop_link();
        return;
    }
    m_core.links.give_back(*m_link);
    m_link = nullptr;
}

void Exchange::answer_complete(bool extra_bytes) {
    release_link(extra_bytes);
    if (m_pinged && m_head.framing != Framing::chunked && !send_down(k_last_chunk)) return;
    end("", m_head.status);
    m_client.exchange_ended(m_keep_client);
}

void Exchange::client_takes_more() {
    if (m_stage == Stage::relaying && m_link != nullptr) watch_link();
}

void Exchange::pass_on_failure() {
    if (m_head.status == 0) {
        give_up(502, "llama_server_unreachable",
                "llama-server broke the connection before it answered.", std::chrono::seconds(5));
        return;
    }
    if (is_broken_connection(m_head.status, m_failure)) {
        // The router says it in plain text, which no client of OpenAI's interface can read.
        give_up(502, "model_unreachable",
                cat("the model's process ended before it answered (", m_failure, ")"),
                std::chrono::seconds(5));
        return;
    }
    if (m_pinged) {
        auto text = m_failure;
        std::replace_if(
            text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
        end_pinged(text, m_head.status);
        return;
    }
    const auto held = std::exchange(m_held, {});
    pass_head();
    relay(held);
    if (m_stage != Stage::relaying) return;
    if (m_link == nullptr) {
        link_broke();
    } else if (m_client.takes_more()) {
        watch_link();
    }
}

// The last event of a stream that has begun with comments.
void Exchange::end_pinged(std::string_view error, int status) {
    drop_link();
    const auto event = chunk_of(cat("data: ", error, "\n\n"));
    end("error as an event", status);
    if (!m_client.write({event, k_last_chunk})) {
        m_client.cut();
        return;
    }
    m_client.exchange_ended(true);
}

} // namespace odysseus
