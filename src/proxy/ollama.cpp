// The session's answers to Ollama's clients (docs/ollama.md).
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/base/version.hpp"
#include "odysseus/download/sha256.hpp"
#include "odysseus/models/model_file.hpp"
#include "odysseus/proxy/models_answer.hpp"
#include "ollama_answer.hpp"
#include "ollama_models.hpp"
#include "ollama_pull.hpp"
#include "ollama_request.hpp"
#include "session.hpp"

#include "blocking.hpp"
#include "ollama_work.hpp"
#include "pull_task.hpp"

#include <algorithm>

namespace odysseus::proxy {
namespace {

// What clients compare with the version from which on Ollama has what they need.
constexpr std::string_view k_ollama_version = "0.12.6";
constexpr std::string_view k_not_applied = "Odysseus-Not-Applied";
constexpr std::size_t k_request_bytes_max = std::size_t{64} << 20;
constexpr std::size_t k_answer_bytes_max = std::size_t{64} << 20;
constexpr std::size_t k_at_once_max = std::size_t{1} << 20; // more is read and written elsewhere
constexpr std::chrono::seconds k_pull_look_again{1};
constexpr std::chrono::seconds k_pull_say_again{10};

[[noreturn]] void reject(const OllamaRefusal& why) {
    throw Refused{.status = why.status, .code = "bad_request", .message = why.message};
}

// ModelFile::modified_s counts from an epoch of the system's own.
std::int64_t modified_ns(std::int64_t modified_s) {
    using namespace std::chrono;
    const auto file_now =
        duration_cast<seconds>(std::filesystem::file_time_type::clock::now().time_since_epoch());
    const auto age_s = file_now.count() - modified_s;
    const auto now_s = system_time_ns() / 1'000'000'000;
    return std::clamp<std::int64_t>(now_s - age_s, 0, 4'102'444'800) * 1'000'000'000;
}

std::vector<OllamaModel> with_digests(std::vector<models::Model> models) {
    std::vector<OllamaModel> out;
    for (auto& model : models) {
        auto digest =
            download::sha256_of(concat(model.id, '\n', model.size_bytes, '\n', model.modified_s));
        const auto modified = modified_ns(model.modified_s);
        out.push_back({std::move(model), modified, std::move(digest)});
    }
    return out;
}

OwnAnswer json_answer(std::string body, int status = 200) {
    OwnAnswer answer;
    answer.status = status;
    answer.body = std::move(body);
    return answer;
}

std::string not_applied_line(const OllamaCall& call) {
    if (call.not_applied.empty()) return {};
    return concat(k_not_applied, ": ", call.not_applied, "\r\n");
}

Task<std::string> whole_content(Exchange& exchange, std::string_view begun) {
    std::string content(begun);
    while (!exchange.complete()) {
        const auto came = co_await exchange.next();
        if (came == Exchange::Came::end) break;
        if (came != Exchange::Came::some)
            throw Refused{.status = 502,
                          .code = "model_unreachable",
                          .message = "the model's process ended in the middle of this answer; "
                                     "odysseus starts it again, please ask once more"};
        if (content.size() + exchange.content().size() > k_answer_bytes_max)
            throw Refused{.status = 502,
                          .code = "answer_too_large",
                          .message =
                              concat("the answer has more than ", byte_text(k_answer_bytes_max),
                                     "; ask for less at one time")};
        content += exchange.content();
    }
    exchange.release();
    co_return content;
}

} // namespace

// False: llama-server answers it, and the request is one of its own now.
Task<bool> Session::answer_ollama(OllamaEndpoint endpoint) {
    const auto& head = m_request->head;
    if (is_translated(endpoint)) {
        co_await translate(endpoint);
        co_return false;
    }
    if (endpoint == OllamaEndpoint::pull) {
        co_await pull_model();
    } else if (endpoint == OllamaEndpoint::show) {
        const auto shown = co_await shown_model();
        answer(shown);
    } else if (endpoint == OllamaEndpoint::tags || endpoint == OllamaEndpoint::ps) {
        const auto list = co_await ollama_list(endpoint);
        answer(list);
    } else if (endpoint == OllamaEndpoint::version) {
        answer(json_answer(concat(R"({"version":")", k_ollama_version, R"("})")));
    } else {
        const auto why = ollama_unavailable(head.method, head.path, endpoint);
        answer(json_answer(ollama_error(why.sentence), why.status));
    }
    co_return true;
}

Task<> Session::translate(OllamaEndpoint endpoint) {
    if (m_request->body.size() > k_request_bytes_max)
        throw Refused{.status = 413,
                      .code = "request_too_large",
                      .message = concat("A request of Ollama's API may have ",
                                        byte_text(k_request_bytes_max), ".")};
    std::variant<OllamaCall, OllamaRefusal> call;
    if (m_request->body.size() <= k_at_once_max) {
        call = ollama_call(endpoint, m_request->body.view());
    } else {
        const auto body = std::make_shared<const std::string>(m_request->body.view());
        const auto work = [endpoint, body] { return ollama_call(endpoint, *body); };
        call = co_await blocking(m_shared.translating, m_client, work);
    }
    if (const auto* const why = std::get_if<OllamaRefusal>(&call)) reject(*why);
    m_request->become(std::move(std::get<OllamaCall>(call)));
}

Task<std::vector<OllamaModel>> Session::ollama_models() {
    co_await m_shared.looks.look(m_client, true);
    co_return with_digests(m_shared.models.models());
}

Task<OwnAnswer> Session::ollama_list(OllamaEndpoint endpoint) {
    const auto models = co_await ollama_models();
    const auto list = m_shared.looks.list();
    if (endpoint == OllamaEndpoint::ps)
        co_return json_answer(ollama_ps(
            models, list, {m_shared.upstream.current().context, m_shared.settings.on_gpu}));
    auto foreign = listed_ids(list);
    std::erase_if(foreign,
                  [this](const std::string& id) { return !m_shared.looks.is_foreign(id); });
    std::erase_if(foreign, [&](const std::string& id) { // aliases of what is listed already
        return m_shared.models.lookup(id).known;
    });
    std::vector<std::string> here = foreign;
    for (const auto& model : models)
        here.insert(here.end(), model.model.names.begin(), model.model.names.end());
    for (auto& name : names_elsewhere(here))
        foreign.push_back(std::move(name));
    co_return json_answer(ollama_tags(models, foreign, list));
}

Task<OwnAnswer> Session::shown_model() {
    const auto named = ollama_named(m_request->body.view());
    if (const auto* const why = std::get_if<OllamaRefusal>(&named)) reject(*why);
    const auto name = std::get<OllamaNamed>(named).model;
    m_request->become({.endpoint = OllamaEndpoint::show,
                       .form = OllamaForm::load,
                       .stream = false,
                       .model = name,
                       .path = "/tokenize",
                       .body = concat(R"({"model":)", json_quoted(name), "}")});
    co_await settle_model(); // or 404
    const OllamaServing serving{m_shared.context_of(m_request->model), m_shared.settings.on_gpu};
    for (auto& model : with_digests(m_shared.models.models())) {
        if (model.model.id != m_request->model) continue;
        const auto read = [path = model.model.path] { return models::read_model_header(path); };
        const auto header = co_await blocking(m_shared.translating, m_client, read);
        co_return json_answer(ollama_show(model, std::get_if<models::GgufInfo>(&header), serving));
    }
    // A model of another machine is named as it was asked for.
    const auto& shown = m_request->model.empty() ? m_request->asked : m_request->model;
    co_return json_answer(ollama_show_foreign(shown, serving));
}

std::int64_t Session::since_begin_ns() const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - m_request->began)
        .count();
}

// Named as the client named it.
const std::string& Session::ollama_model() const {
    return m_request->ollama->model.empty() ? m_request->model : m_request->ollama->model;
}

ResponseHead Session::lines_head() const {
    ResponseHead head;
    head.status = 200;
    head.reason = "OK";
    head.framing = Framing::chunked;
    head.headers = {{"Content-Type", "application/x-ndjson"},
                    {"Cache-Control", "no-cache"},
                    {"X-Accel-Buffering", "no"}};
    if (m_request->ollama && !m_request->ollama->not_applied.empty())
        head.headers.push_back({k_not_applied, m_request->ollama->not_applied});
    return head;
}

void Session::begin_lines() {
    begin_answer(lines_head());
    m_from_router = false; // what goes down is odysseus's own
}

Task<> Session::relay_ollama(Exchange& exchange, std::string_view content) {
    const bool lines = m_request->ollama->stream && exchange.head.status == 200;
    if (lines) {
        co_await relay_lines(exchange, content);
    } else {
        co_await relay_whole(exchange, content);
    }
}

Task<> Session::relay_lines(Exchange& exchange, std::string_view content) {
    const auto times = [this] { return OllamaTimes{system_time_ns(), since_begin_ns()}; };
    begin_lines();
    OllamaStream stream(*m_request->ollama, ollama_model());
    auto came = Exchange::Came::some;
    while (true) {
        keep_tail(content);
        auto lines = stream.feed(content, times());
        const bool last = exchange.complete() || came != Exchange::Came::some || stream.ended();
        if (last) lines += stream.finish(exchange.complete(), times());
        if (stream.failed()) {
            ++m_shared.counters.cut;
            m_record.end = "error as a line";
        }
        (void)send_content(lines, last);
        if (exchange.request_sent()) m_request->free_body(); // no replay is possible any more
        if (last) break;
        if (!m_client.all_taken()) co_await m_client.taken();
        came = co_await exchange.next();
        content = came == Exchange::Came::some ? exchange.content() : std::string_view();
    }
    exchange.release();
}

Task<> Session::relay_whole(Exchange& exchange, std::string_view content) {
    const auto status = exchange.head.status;
    const auto body = co_await whole_content(exchange, content);
    keep_tail(body);
    m_request->free_body();
    const OllamaTimes times{system_time_ns(), since_begin_ns()};
    const auto translated = [call = *m_request->ollama, model = ollama_model(), status,
                             times](std::string_view text) {
        return ollama_answer(call, model, status, text, times);
    };
    OllamaAnswer whole;
    if (body.size() <= k_at_once_max) {
        whole = translated(body);
    } else {
        const auto work = [translated, body] { return translated(body); };
        whole = co_await blocking(m_shared.translating, m_client, work);
    }
    auto own = json_answer(std::move(whole.body), whole.status);
    own.more_lines = not_applied_line(*m_request->ollama);
    answer(own);
    m_record.passed_on = true;
    m_record.end.clear();
}

// Through odysseus's own pull: the same names, checks and folders.
Task<> Session::pull_model() {
    const auto named = ollama_named(m_request->body.view());
    if (const auto* const why = std::get_if<OllamaRefusal>(&named)) reject(*why);
    const auto& asked = std::get<OllamaNamed>(named);
    m_request->free_body();
    const auto plain = std::string(without_latest(asked.model).value_or(asked.model));
    if (m_shared.models.lookup(plain).known) { // nothing to fetch
        end_pull(asked.stream, ollama_pull_line({"pulling manifest"}));
        co_return;
    }
    const auto name = ollama_pull_name(asked.model);
    if (const auto* const why = std::get_if<OllamaRefusal>(&name)) reject(*why);
    if (!m_shared.settings.pull_options) reject({501, "This odysseus fetches no models."});
    const InFlight counted(*this);
    co_await pull(std::get<std::string>(name), asked.stream);
}

Task<> Session::pull(const std::string& name, bool stream) {
    PullTask task(m_shared.pulling, name, m_shared.settings.pull_options, m_client.wake_up());
    if (stream) begin_lines();
    OllamaPullState said;
    auto next = Clock::now();
    while (true) {
        const bool ended = task.ended();
        const auto state = task.state();
        // A client that is slow misses some; one that waits long hears the same again.
        if (stream && m_client.all_taken() && (state != said || Clock::now() >= next)) {
            (void)send_content(ollama_pull_line(state), false);
            said = state;
            next = Clock::now() + k_pull_say_again;
        }
        if (ended) break;
        co_await m_client.pause(Clock::now() + k_pull_look_again);
    }
    if (const auto why = task.failure()) {
        if (!stream) reject(*why);
        m_record.end = "error as a line";
        (void)send_content(ollama_error(why->message) + "\n", true);
        co_return;
    }
    co_await m_shared.looks.look(m_client, true);
    end_pull(stream, {});
}

// `before`: lines that were not sent yet.
void Session::end_pull(bool stream, std::string before) {
    const auto success = ollama_pull_line({"success"});
    if (!stream) {
        answer(json_answer(success));
    } else {
        if (!before.empty()) begin_lines();
        (void)send_content(before + success, true);
    }
}

} // namespace odysseus::proxy
