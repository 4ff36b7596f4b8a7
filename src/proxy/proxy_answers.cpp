// What a client's connection answers by itself: errors, the lists of models, odysseus's own pages.
#include "odysseus/base/log.hpp"
#include "endpoints.hpp"
#include "odysseus/proxy/models_answer.hpp"
#include "query.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/download/url.hpp"

#include "own_pages.hpp"
#include "own_question.hpp"
#include "proxy_client.hpp"
#include "proxy_exchange.hpp"

namespace odysseus {

ClientHeadInput Client::head_input() const {
    ClientHeadInput input;
    input.keep_alive = !m_ending && !m_core.stopping;
    if (m_request) {
        input.allowed_origin = m_request->allowed_origin;
        if (!m_request->head.method.empty()) input.http_1_1 = m_request->head.http_1_1;
    }
    return input;
}

void Client::answer(const OwnAnswer& answer) {
    const auto bytes = own_answer(answer, head_input(), m_request->head.method == "HEAD");
    log_own(answer.status, answer.body.size());
    if (!write({bytes})) {
        cut();
        return;
    }
    next_request();
}

void Client::answer_error(int status, std::string_view code, std::string_view message,
                          std::string_view param, std::optional<std::chrono::seconds> retry_after) {
    ++m_core.counters.refused;
    OwnAnswer error;
    error.status = status;
    error.body = openai_error(status, code, message, param);
    if (retry_after) error.retry_after_s = retry_after->count();
    answer(error);
}

void Client::refuse(const Refusal& refusal) {
    m_ending = true;
    answer_error(refusal.status, refusal.status == 408 ? "request_timeout" : "bad_request",
                 refusal.reason);
}

void Client::log_own(int status, std::size_t bytes) {
    RequestLine line;
    line.id = m_request->id;
    line.method = m_request->head.method;
    line.path = m_request->head.path;
    line.model = m_request->model;
    line.status = status;
    line.bytes = bytes;
    line.total_ms =
        std::chrono::duration<double, std::milli>(Clock::now() - m_request->began).count();
    line.first_byte_ms = line.total_ms;
    line.end = "own answer";
    line.detail = status < 400 || m_request->head.path == "/health"; // it is asked over and over
    m_core.request_log.add(std::move(line));
}

void Client::answer_endpoint() {
    const auto& head = m_request->head;
    const auto endpoint = endpoint_of(head.method, head.path, false);
    if (endpoint == Endpoint::asterisk) {
        OwnAnswer allowed;
        allowed.status = 204;
        allowed.more_lines = "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n";
        answer(allowed);
        return;
    }
    answer(own_page(endpoint, head.query, m_core));
}

// Nobody knows the name: perhaps the file is new, or the model is one of llama-server's own.
void Client::ask_again(const UnknownModel& unknown) {
    if (m_request->looked) {
        answer_error(404, "model_not_found", unknown_model_message(unknown), "model");
        return;
    }
    m_stage = Stage::question;
    m_core.call_after_look(m_id);
}

// A look that began before the request came may have missed what the request is for.
void Client::look_ended(bool begun_for_it) {
    if (m_stage != Stage::question || m_question) return;
    m_request->looked = begun_for_it;
    forward();
}

void Client::ask_for_models(std::string_view one) {
    m_stage = Stage::question;
    const auto wanted = percent_decoded(one, false).value_or("");
    m_question = std::make_unique<OwnQuestion>(
        m_core, [this, wanted](const std::optional<std::string>& list) {
            m_core.bury(std::move(m_question));
            m_core.with_client(
                m_id, [&](Client& client) { client.answer_models(wanted, list.value_or("")); });
        });
    m_question->start();
}

void Client::answer_models(const std::string& wanted, const std::string& list) {
    OwnAnswer found;
    const auto models = m_core.models.models();
    if (wanted.empty()) {
        found.body = models_answer(list, models, m_core.models.folder_ids());
    } else if (auto entry = model_entry(list, models, wanted)) {
        found.body = std::move(*entry);
    } else {
        const auto near = m_core.models.lookup(wanted);
        answer_error(404, "model_not_found",
                     unknown_model_message({wanted, near.suggested, near.ambiguous}), "model");
        return;
    }
    answer(found);
}

} // namespace odysseus
