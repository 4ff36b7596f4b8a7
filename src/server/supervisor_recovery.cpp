// From a reported failure to its verdict: evidence, judgement, and the way down the ladder.
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/process_info.hpp"
#include "supervisor_core.hpp"

#include <algorithm>

namespace odysseus::server {
namespace {

constexpr std::chrono::milliseconds k_ask_client_every{100};
// A second report of what was judged a moment ago is about the same failure.
constexpr std::chrono::milliseconds k_same_failure{1000};
// What no rung could hold is not tried again for so long: every try costs all others a restart.
constexpr std::chrono::minutes k_hopeless_for{2};
constexpr std::chrono::seconds k_crash_retry_after{30};
constexpr std::chrono::milliseconds k_reload_limit{10'000};
constexpr std::chrono::milliseconds k_prove_again_after{500};
constexpr int k_not_implemented = 501; // an embedding model, say: it holds, and cannot complete

std::string list_of(const std::vector<std::int64_t>& numbers) {
    std::vector<std::string> texts;
    texts.reserve(numbers.size());
    for (const auto number : numbers)
        texts.push_back(std::to_string(number));
    return joined(texts, ", ");
}

} // namespace

// --- the client's side --------------------------------------------------------------------------

Verdict Supervisor::Core::report(const Failure& failure, const GaveUp& gave_up) {
    auto file = std::make_shared<Report>();
    file->failure = failure;
    file->decide_by = Clock::now() + m_spec.limits.evidence;
    const auto state = current().state;
    if (state == State::stopping || state == State::failed) return failed_verdict();
    post(Reported{file});
    std::unique_lock lock(file->mutex);
    while (!file->verdict) {
        if (gave_up) {
            lock.unlock();
            const bool gone = gave_up();
            lock.lock();
            // Nobody waits for this verdict; what was begun goes on for the next one.
            if (gone) return PassOn{};
        }
        file->settled.wait_for(lock, k_ask_client_every);
        if (!file->verdict && current().state == State::stopping) return failed_verdict();
    }
    return *file->verdict;
}

Verdict Supervisor::Core::failed_verdict() const {
    const auto serving = current();
    return GiveUp{503, serving.state == State::stopping ? "server_stopping" : "server_failed",
                  serving.reason, serving.retry_after};
}

// --- one case -----------------------------------------------------------------------------------

void Supervisor::Core::conclude(Report& file, Verdict verdict) {
    {
        const std::lock_guard lock(file.mutex);
        file.verdict = std::move(verdict);
    }
    file.settled.notify_all();
}

void Supervisor::Core::conclude_all(const Verdict& verdict) {
    for (auto* files : {&m_cases, &m_reduction_waiters}) {
        for (const auto& file : *files)
            conclude(*file, verdict);
        files->clear();
    }
    for (const auto& queued : m_descent_queue)
        conclude(*queued.file, verdict);
    m_descent_queue.clear();
}

void Supervisor::Core::on_reported(const ReportPointer& file) {
    const auto& failure = file->failure;
    const auto phase = m_lifecycle.phase();
    if (phase == Lifecycle::Phase::failed || phase == Lifecycle::Phase::stopping) {
        conclude(*file, failed_verdict());
    } else if (failure.generation != m_lifecycle.generation() ||
               is_retryable_race(failure.status, failure.body)) {
        conclude(*file, Replay{}); // it is another server by now, or the router's own race
    } else if (m_reduction && m_reduction->model() == failure.model) {
        m_reduction_waiters.push_back(file);
    } else {
        file->refused = is_refused_connection(failure.status, failure.body) &&
                        seems_alive(failure.model) && m_processes.newest(failure.model)->loaded;
        m_cases.push_back(file);
    }
}

void Supervisor::Core::settle_cases() {
    const auto now = Clock::now();
    auto pending = std::move(m_cases);
    m_cases.clear();
    for (auto& file : pending) {
        if (!try_settle(file, now)) m_cases.push_back(std::move(file));
    }
}

bool Supervisor::Core::has_fresh_end(const std::string& model) const {
    const auto judged = m_judged.find(model);
    return m_processes.ends(model) > (judged == m_judged.end() ? 0 : judged->second.ends);
}

bool Supervisor::Core::seems_alive(const std::string& model) const {
    const auto* newest = m_processes.newest(model);
    return newest != nullptr && !newest->exit_status;
}

// The router writes how a process ended before it answers, but both take their way: the line may
// come after the report.
bool Supervisor::Core::try_settle(const ReportPointer& file, Moment now) {
    const auto& failure = file->failure;
    if (failure.generation != m_lifecycle.generation()) {
        conclude(*file, Replay{}); // an earlier case of this round has acted
        return true;
    }
    if (m_reduction && m_reduction->model() == failure.model) {
        m_reduction_waiters.push_back(file);
        return true;
    }
    const bool broken = is_broken_connection(failure.status, failure.body);
    const bool needs_end = broken || is_load_failure(failure.status, failure.body);
    // The router itself does not break connections, nor end a model in the middle of an answer: it
    // is on its way out, and on_ended concludes this case.
    // While the newest process is there, an end that is known may be an older one's: whoever asks
    // again before the router has seen this one would be sent to the same dead process.
    const bool not_yet = broken && seems_alive(failure.model);
    const auto* ended = has_fresh_end(failure.model) && !not_yet
                            ? m_processes.newest_ended(failure.model)
                            : nullptr;
    const bool on_its_way_out =
        failure.status == 0 || (ended != nullptr && ended->exit_status == 0);
    if (broken && on_its_way_out && now < file->decide_by) return false;
    if (needs_end && ended == nullptr) {
        const auto judged = m_judged.find(failure.model);
        if (!file->refused && judged != m_judged.end() &&
            now - judged->second.when < k_same_failure) {
            const bool again = broken && crashes_too_often(failure.model);
            conclude(*file, again ? other_cause_verdict(failure, {"its process ended again"})
                                  : judged->second.verdict);
            return true;
        }
        if (now < file->decide_by) return false;
    }
    if (file->refused && seems_alive(failure.model)) {
        // A model's process that was sent TERM closes its port and then waits for its router for
        // ever (seen with b11669); the router goes on taking it for loaded.
        unplanned_end(concat("the process of model '", failure.model,
                             "' takes no connections and does not end"));
        file->decide_by = now + m_spec.limits.evidence; // on_ended concludes it
        return false;
    }
    if (waits_for_evidence(failure) && now < file->decide_by) return false;
    judge_case(file);
    return true;
}

bool Supervisor::Core::killed_for_memory() {
    const auto count = system::memory_kills();
    const bool more = count && m_memory_kills && *count > *m_memory_kills;
    m_memory_kills = count;
    return more;
}

// The process that failed this request. An end is not told for a failure that keeps the process,
// and one that was told before the request began is none of its business.
const ModelProcess* Supervisor::Core::process_of(const Failure& failure) const {
    const auto* ended = m_processes.newest_ended(failure.model);
    if (is_load_failure(failure.status, failure.body) ||
        is_broken_connection(failure.status, failure.body)) {
        return has_fresh_end(failure.model) ? ended : m_processes.newest(failure.model);
    }
    const bool ended_meanwhile =
        ended != nullptr && *ended->exit_status != 0 && ended->ended_at >= failure.began;
    return ended_meanwhile ? ended : m_processes.newest(failure.model);
}

// An answer that speaks of memory is a suspicion; the line that bears it out, or the end of the
// process, may still be on its way.
bool Supervisor::Core::waits_for_evidence(const Failure& failure) const {
    if (!speaks_of_memory(failure.status, failure.body, failure.model)) return false;
    const auto* process = process_of(failure);
    return process == nullptr ||
           (!process->exit_status && !was_refused_memory(*process, failure.began));
}

OomVerdict Supervisor::Core::judge_answer(const Failure& failure) {
    Symptoms symptoms;
    symptoms.status = failure.status;
    symptoms.body = failure.body;
    symptoms.model = failure.model;
    symptoms.process = process_of(failure);
    symptoms.killed_for_memory = killed_for_memory();
    symptoms.since = failure.began;
    return judge(symptoms);
}

void Supervisor::Core::judge_case(const ReportPointer& file) {
    const auto& failure = file->failure;
    const auto verdict = judge_answer(failure);
    auto& judged = m_judged[failure.model];
    judged = {m_processes.ends(failure.model), Clock::now(), PassOn{}};
    if (const auto* other = std::get_if<OtherCause>(&verdict)) {
        judged.verdict = other_cause_verdict(failure, *other);
        conclude(*file, judged.verdict);
        return;
    }
    judged.verdict = Replay{};
    const auto hopeless = m_hopeless.find(failure.model);
    if (hopeless != m_hopeless.end()) {
        if (Clock::now() - hopeless->second.when < k_hopeless_for) {
            conclude(*file, hopeless->second.verdict);
            return;
        }
        m_hopeless.erase(hopeless);
    }
    begin_reduction(file, verdict);
}

bool Supervisor::Core::crashes_too_often(const std::string& model) {
    auto& crashes = m_crashes[model];
    const auto now = Clock::now();
    while (!crashes.empty() && now - crashes.front() > m_spec.limits.lifecycle.window) {
        crashes.pop_front();
    }
    return static_cast<int>(crashes.size()) > m_spec.limits.crashes_max;
}

Verdict Supervisor::Core::other_cause_verdict(const Failure& failure, const OtherCause& cause) {
    const bool load_failure = is_load_failure(failure.status, failure.body);
    // What had loaded did not fail to load, whatever the router says.
    if (is_broken_connection(failure.status, failure.body) || (load_failure && cause.crash)) {
        // A crash, or a connection lost on the way. The router loads the model again by itself.
        if (!crashes_too_often(failure.model)) return Replay{};
        return GiveUp{503, "model_crashes",
                      concat("model '", failure.model, "' keeps crashing: ", cause.reason),
                      k_crash_retry_after};
    }
    if (load_failure && m_processes.newest(failure.model) != nullptr) {
        return GiveUp{failure.status, "model_load_failed",
                      concat("model name=", failure.model, " failed to load: ", cause.reason),
                      std::nullopt};
    }
    return PassOn{};
}

// --- the way down -------------------------------------------------------------------------------

std::optional<std::int64_t> Supervisor::Core::ceiling(const OomVerdict& verdict) const {
    const auto* memory = std::get_if<OutOfMemory>(&verdict);
    if (memory == nullptr) return std::nullopt;
    std::optional<std::int64_t> least;
    const auto consider = [&](std::optional<std::int64_t> bytes) {
        if (bytes && (!least || *bytes < *least)) least = bytes;
    };
    if (m_spec.memory_ceiling) consider(m_spec.memory_ceiling(memory->device));
    if (memory->device == "CPU") {
        consider(system::memory_ceiling());
        if (m_child) consider(system::address_space_limit(m_child->pid()));
    }
    return least;
}

void Supervisor::Core::begin_reduction(const ReportPointer& file, const OomVerdict& verdict) {
    const auto& model = file->failure.model;
    if (m_reduction) {
        m_descent_queue.push_back({file, verdict});
        return;
    }
    const auto context = m_spec.model_context ? m_spec.model_context(model) : m_lifecycle.context();
    m_reduction.emplace(model, context);
    m_reduction_waiters.push_back(file);
    if (const auto* memory = std::get_if<OutOfMemory>(&verdict)) {
        log::info(concat("model '", model, "' ran out of memory: ", memory->evidence));
    }
    walk(m_reduction->failed(verdict, ceiling(verdict)));
}

void Supervisor::Core::walk(const ContextReduction::Step& step) {
    if (const auto* next = std::get_if<ContextReduction::Try>(&step)) {
        const auto before = m_reduction->tried().back();
        if (next->context != before) ++m_oom_steps;
        notice(concat("model '", m_reduction->model(),
                      m_reduction->on_suspicion() ? "' died without a reason while loading with "
                                                  : "' does not fit with ",
                      "a context of ", before, " tokens: trying ",
                      next->context == before ? concat("once more") : concat(next->context)));
        try_context(next->context);
    } else if (const auto* end = std::get_if<ContextReduction::Exhausted>(&step)) {
        end_reduction(exhausted_verdict(end->last), Outcome::failed);
    } else {
        const auto& reason = std::get<ContextReduction::NotMemory>(step).reason;
        end_reduction(
            GiveUp{500, "model_load_failed",
                   concat("model name=", m_reduction->model(), " failed to load: ", reason,
                          " (contexts tried: ", list_of(m_reduction->tried()), ")"),
                   std::nullopt},
            Outcome::failed);
    }
}

void Supervisor::Core::try_context(std::int64_t context) {
    if (!m_spec.set_model_context) {
        act(m_lifecycle.step(m_lifecycle.generation(), context));
        return;
    }
    republish();
    if (!write_context(m_reduction->model(), context)) {
        end_reduction(
            GiveUp{503, "out_of_memory",
                   concat("model '", m_reduction->model(), "' needs a smaller context, and ",
                          context, " tokens could not be written down; see odysseus.log"),
                   std::nullopt},
            Outcome::failed);
        return;
    }
    m_judged[m_reduction->model()].ends = m_processes.ends(m_reduction->model());
    prove();
}

// A full disk costs this descent, and nothing else.
bool Supervisor::Core::write_context(const std::string& model, std::int64_t tokens) const {
    try {
        m_spec.set_model_context(model, tokens);
        return true;
    } catch (const std::exception& error) {
        log::error(concat("a context of ", tokens, " tokens for model '", model,
                          "' is not used: ", error.what()));
        return false;
    }
}

void Supervisor::Core::prove() {
    m_proof_failed.reset();
    m_proof = ++m_errand_number;
    m_proof_began = Clock::now();
    const bool reload = static_cast<bool>(m_spec.set_model_context);
    m_proof_task.send([address = address(), model = m_reduction->model(),
                       limit = m_spec.limits.load, errand = m_proof, reload]() -> Message {
        if (reload) (void)llama_get(address, "/models?reload=1", k_reload_limit);
        return Proved{errand, prove_model(address, model, limit)};
    });
}

void Supervisor::Core::on_proved(const Proved& proved) {
    if (proved.errand == 0 || proved.errand != m_proof || !m_reduction) return;
    m_proof = 0;
    const auto& answer = proved.answer;
    if (is_retryable_race(answer.status, answer.body)) {
        m_prove_at = Clock::now() + k_prove_again_after;
        return;
    }
    const bool answered =
        answer.status != 0 && (answer.status < 500 || answer.status == k_not_implemented);
    if (answered) {
        end_reduction(Replay{}, Outcome::held);
        return;
    }
    m_proof_failed = answer;
    m_proof_by = Clock::now() + m_spec.limits.evidence;
    judge_proof();
}

void Supervisor::Core::judge_proof() {
    const auto& answer = *m_proof_failed;
    const auto& model = m_reduction->model();
    const bool needs_end = is_load_failure(answer.status, answer.body) ||
                           is_broken_connection(answer.status, answer.body);
    const Failure failure{m_lifecycle.generation(), model, answer.status, answer.body,
                          m_proof_began};
    const bool waits = (needs_end && !has_fresh_end(model)) || waits_for_evidence(failure);
    if (waits && Clock::now() < m_proof_by) return;
    const auto verdict = judge_answer(failure);
    const bool same = is_same_failure(answer);
    m_judged[model] = {m_processes.ends(model), Clock::now(), Replay{}};
    m_proof_failed.reset();
    if (!needs_end && std::holds_alternative<OtherCause>(verdict)) {
        if (same) {
            end_reduction(PassOn{}, Outcome::failed); // it was no matter of memory
        } else {
            end_reduction(Replay{}, Outcome::serves); // it has its own trouble with our question
        }
        return;
    }
    walk(m_reduction->failed(verdict, ceiling(verdict)));
}

// Whether somebody who waits had got this very answer with the context before.
bool Supervisor::Core::is_same_failure(const LlamaAnswer& answer) const {
    return std::any_of(
        m_reduction_waiters.begin(), m_reduction_waiters.end(), [&](const auto& file) {
            return file->failure.status == answer.status && file->failure.body == answer.body;
        });
}

void Supervisor::Core::remember(const ContextReduction& descent) const {
    if (!m_spec.on_context_held) return;
    try {
        m_spec.on_context_held(descent.model(), descent.context());
    } catch (const std::exception& error) {
        log::warn(concat("the context of model '", descent.model(),
                         "' is not remembered for the next start: ", error.what()));
    }
}

void Supervisor::Core::end_reduction(const Verdict& verdict, Outcome outcome) {
    const auto descent = *m_reduction;
    m_reduction.reset();
    auto waiters = std::move(m_reduction_waiters);
    m_reduction_waiters.clear();
    if (outcome == Outcome::serves) {
        act(m_lifecycle.held());
    } else if (outcome == Outcome::held) {
        notice(concat("model '", descent.model(), "' holds with a context of ", descent.context(),
                      " tokens"));
        remember(descent);
        act(m_lifecycle.held());
    } else {
        m_hopeless[descent.model()] = {0, Clock::now(), verdict};
        // Other models may still use what they had.
        if (descent.context() == descent.origin()) {
            act(m_lifecycle.held());
        } else if (m_spec.set_model_context) {
            (void)write_context(descent.model(), descent.origin());
            m_proof_task.send([address = address()]() -> Message {
                (void)llama_get(address, "/models?reload=1", k_reload_limit);
                return Proved{0, {}};
            });
        } else {
            act(m_lifecycle.step(m_lifecycle.generation(), descent.origin()));
        }
    }
    for (const auto& file : waiters)
        conclude(*file, verdict);
    next_descent();
}

// The next model that ran out of memory meanwhile, where llama-server is still the same.
void Supervisor::Core::next_descent() {
    while (!m_reduction && !m_descent_queue.empty()) {
        const auto next = m_descent_queue.front();
        m_descent_queue.erase(m_descent_queue.begin());
        if (next.file->failure.generation == m_lifecycle.generation()) {
            begin_reduction(next.file, next.verdict);
        } else {
            conclude(*next.file, Replay{});
        }
    }
}

Verdict Supervisor::Core::exhausted_verdict(const OutOfMemory& last) const {
    const auto& first = m_reduction->first_failure();
    auto message = concat("model '", m_reduction->model(), "' does not fit in memory: ");
    if (first && first->bytes) {
        message += concat(byte_text(*first->bytes), " were asked for with a context of ",
                          m_reduction->origin(), " tokens");
        if (last.bytes && m_reduction->tried().size() > 1) {
            message += concat(", ", byte_text(*last.bytes), " with ", m_reduction->tried().back());
        }
    } else {
        message += last.evidence;
    }
    const bool host = last.device.empty() || last.device == "CPU";
    std::optional<std::int64_t> free_bytes =
        m_spec.memory_free ? m_spec.memory_free(last.device) : std::nullopt;
    if (!free_bytes && host) free_bytes = system::memory_free();
    const auto most = ceiling(OomVerdict(last));
    if (free_bytes && most) free_bytes = std::min(*free_bytes, *most);
    if (free_bytes) message += concat("; free were at most ", byte_text(*free_bytes));
    message += concat("; contexts tried: ", list_of(m_reduction->tried()),
                      ". Use a smaller or more strongly quantised model, close programs that use "
                      "memory, or make the cache smaller (odysseus -- --cache-type-k q8_0 "
                      "--cache-type-v q8_0)");
    return GiveUp{503, "out_of_memory", message, std::nullopt};
}

} // namespace odysseus::server
