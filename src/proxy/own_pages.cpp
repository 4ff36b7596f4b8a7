#include "own_pages.hpp"

#include "metrics_text.hpp"
#include "odysseus/base/text.hpp"
#include "page.hpp"
#include "query.hpp"
#include "rewrite.hpp"

#include "shared.hpp"

namespace odysseus::proxy {
namespace {

OwnAnswer health(const server::Serving& serving) {
    OwnAnswer answer;
    if (serving.state == server::State::ready) {
        answer.body = R"({"status":"ok"})";
        return answer;
    }
    answer.status = 503;
    answer.retry_after_s = serving.retry_after.count();
    const auto reason = serving.reason.empty()
                            ? concat("llama-server is ", server::state_name(serving.state))
                            : serving.reason;
    answer.body = concat(R"({"status":")", server::state_name(serving.state), R"(",)",
                         openai_error(503, "not_ready", reason).substr(1));
    return answer;
}

void add_peers(MetricsText& text, const std::vector<PeerStatus>& peers) {
    if (peers.empty()) return;
    using Values = std::vector<std::pair<std::string, double>>;
    Values up, models, free, round_trip, requests, failures;
    for (const auto& peer : peers) {
        up.emplace_back(peer.name, peer.view.answers && !peer.left_out);
        models.emplace_back(peer.name, double(peer.view.models.size()));
        if (peer.view.free_mib)
            free.emplace_back(peer.name, double(*peer.view.free_mib) * 1024 * 1024);
        if (peer.round_trip_ms) round_trip.emplace_back(peer.name, *peer.round_trip_ms / 1000);
        requests.emplace_back(peer.name, double(peer.requests));
        failures.emplace_back(peer.name, double(peer.failures));
    }
    text.labelled("odysseus_peer_up", "1 when the peer is asked.", "gauge", "peer", up);
    text.labelled("odysseus_peer_models", "Models of the peer.", "gauge", "peer", models);
    text.labelled("odysseus_peer_free_bytes", "Memory for models when the peer started.", "gauge",
                  "peer", free);
    text.labelled("odysseus_peer_round_trip_seconds", "Of the last connection.", "gauge", "peer",
                  round_trip);
    text.labelled("odysseus_peer_requests_total", "Requests sent to the peer.", "counter", "peer",
                  requests);
    text.labelled("odysseus_peer_failures_total", "Requests and looks that failed.", "counter",
                  "peer", failures);
}

OwnAnswer metrics(const Shared& shared) {
    const auto serving = shared.upstream.current();
    const auto traffic = shared.counters.traffic();
    OwnAnswer answer;
    answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
    MetricsText text;
    text.gauge("odysseus_ready", "1 when llama-server serves.",
               serving.state == server::State::ready);
    text.gauge("odysseus_generation", "Starts of llama-server.", double(serving.generation));
    text.gauge("odysseus_context_tokens", "Context of the present generation.",
               double(serving.context));
    text.counter("odysseus_restarts_total", "Unplanned restarts.", double(serving.restarts));
    text.counter("odysseus_oom_steps_total", "Steps down the ladder.", double(serving.oom_steps));
    text.counter("odysseus_requests_total", "Requests for llama-server.", double(traffic.total));
    text.gauge("odysseus_requests_active", "Of these, in flight.", double(traffic.active));
    text.counter("odysseus_requests_replayed_total", "Of these, sent again after a failure.",
                 double(traffic.replayed));
    text.counter("odysseus_requests_refused_total", "Answered with an error by odysseus itself.",
                 double(traffic.refused));
    text.counter("odysseus_clients_left_total", "Clients that left before the end.",
                 double(traffic.hung_up));
    text.counter("odysseus_answers_cut_total", "Answers that llama-server did not finish.",
                 double(traffic.cut));
    text.gauge("odysseus_connections", "Clients connected.", double(traffic.connections));
    text.counter("odysseus_sent_bytes_total", "Bytes of answers.",
                 double(traffic.bytes_to_clients));
    text.labelled("odysseus_answers_total", "Answers passed on, by class of status.", "counter",
                  "class",
                  {{"2xx", double(traffic.by_class[2])},
                   {"3xx", double(traffic.by_class[3])},
                   {"4xx", double(traffic.by_class[4])},
                   {"5xx", double(traffic.by_class[5])}});
    text.counter("odysseus_first_byte_seconds_total", "Time to the first byte, summed up.",
                 traffic.first_byte_s);
    text.counter("odysseus_answer_seconds_total", "Time to the last byte, summed up.",
                 traffic.total_s);
    if (shared.pages.contexts) {
        text.labelled("odysseus_model_context_tokens", "The context of each model.", "gauge",
                      "model", shared.pages.contexts());
    }
    add_peers(text, shared.peers.status());
    answer.body = text.text();
    if (shared.pages.metrics_text) answer.body += shared.pages.metrics_text();
    return answer;
}

// `after` is the `next` of the answer before; without one, all lines that are kept.
OwnAnswer log_lines(std::string_view query, const Shared& shared) {
    OwnAnswer answer;
    const auto after = query_value(query, "after");
    const auto number = after ? parsed_int(after->text) : std::optional<std::int64_t>(0);
    if (!shared.pages.log_json) {
        answer.status = 404;
        answer.body = openai_error(404, "not_found", "There is no log here.");
    } else if (!number || *number < 0) {
        answer.status = 400;
        answer.body =
            openai_error(400, "invalid_value",
                         "after is the next of an earlier answer, a whole number.", "after");
    } else {
        answer.body = shared.pages.log_json(static_cast<std::uint64_t>(*number));
    }
    return answer;
}

OwnAnswer offer(const Shared& shared) {
    OwnAnswer answer;
    if (shared.pages.pull_offer) {
        answer.body = shared.pages.pull_offer();
        return answer;
    }
    answer.status = 404;
    answer.body = openai_error(404, "not_found", "Nothing is fetched here.");
    return answer;
}

OwnAnswer people_page() {
    OwnAnswer answer;
    answer.content_type = "text/html; charset=utf-8";
    answer.more_lines = concat("Content-Security-Policy: ", page_content_security_policy(),
                               "\r\nX-Content-Type-Options: nosniff\r\n"
                               "Referrer-Policy: no-referrer\r\nCache-Control: no-cache\r\n");
    answer.body = page_html();
    return answer;
}

} // namespace

OwnAnswer own_page(Endpoint endpoint, std::string_view query, const Shared& shared) {
    OwnAnswer answer;
    switch (endpoint) {
    case Endpoint::health: return health(shared.upstream.current());
    case Endpoint::metrics: return metrics(shared);
    case Endpoint::status:
        answer.body = shared.pages.status_json ? shared.pages.status_json(shared.traffic()) : "{}";
        break;
    case Endpoint::log: return log_lines(query, shared);
    case Endpoint::offer: return offer(shared);
    default: return people_page();
    }
    return answer;
}

} // namespace odysseus::proxy
