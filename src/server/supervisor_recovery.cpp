// From a reported failure to its verdict: evidence and judgement.
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "supervisor_core.hpp"

#include <algorithm>

namespace odysseus::server {
namespace {

constexpr std::chrono::milliseconds k_ask_client_every{100};
constexpr std::chrono::milliseconds k_same_failure{1000};
constexpr std::chrono::seconds k_crash_retry_after{30};
constexpr std::chrono::seconds k_again_after{5};

} // namespace

// --- the client's side --------------------------------------------------------------------------

Verdict Supervisor::Core::report(const Failure& failure, const GaveUp& gave_up) {
    auto file = std::make_shared<Report>();
    file->failure = failure;
    file->decide_by = Clock::now() + m_spec.limits.evidence;
    file->settle_at = Clock::now() + m_spec.limits.settle;
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
    for (auto* files : {&m_cases, &m_descent_waiters}) {
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
    // It was sent before this was known: the bare "failed to load" tells its client nothing.
    const auto hopeless = is_load_failure(failure.status, failure.body)
                              ? hopeless_verdict(failure.model)
                              : std::nullopt;
    if (phase == Lifecycle::Phase::failed || phase == Lifecycle::Phase::stopping) {
        conclude(*file, failed_verdict());
    } else if (hopeless) {
        conclude(*file, *hopeless);
    } else if (failure.generation != m_lifecycle.generation() ||
               is_retryable_race(failure.status, failure.body)) {
        conclude(*file, Replay{}); // it is another server by now, or the router's own race
    } else if (m_descent && m_descent->ladder.model() == failure.model) {
        m_descent_waiters.push_back(file);
    } else {
        file->refused = is_refused_connection(failure.status, failure.body) &&
                        seems_alive(failure.model) && m_processes.newest(failure.model)->loaded;
        m_cases.push_back(file);
    }
}

void Supervisor::Core::settle_cases() {
    const auto now = m_world->now();
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

// What was judged a moment ago failed many requests at once. One that was sent after the judgement,
// or that another process can have begun to answer since then, met another end, which is still to
// be told.
bool Supervisor::Core::is_of_judged_end(const Failure& failure, const Judged& judged,
                                        Moment now) const {
    if (failure.began > judged.when || now - judged.when >= k_same_failure) return false;
    return !seems_alive(failure.model) || !m_processes.newest(failure.model)->loaded;
}

// The router writes how a process ended when it has taken the model for unloaded, and may answer
// before that.
bool Supervisor::Core::try_settle(const ReportPointer& file, Moment now) {
    const auto& failure = file->failure;
    if (failure.generation != m_lifecycle.generation()) {
        conclude(*file, Replay{}); // an earlier case of this round has acted
        return true;
    }
    if (m_descent && m_descent->ladder.model() == failure.model) {
        m_descent_waiters.push_back(file);
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
        if (!file->refused && failure.stage == Failure::Stage::first && judged != m_judged.end() &&
            is_of_judged_end(failure, judged->second, now)) {
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
    if (!needs_end && now < file->settle_at) return false;
    if (waits_for_evidence(failure) && now < file->decide_by) return false;
    return judge_case(file);
}

bool Supervisor::Core::killed_for_memory() {
    const auto count = m_world->memory_kills();
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

// An answer that speaks of memory, or of a failed computation, is a suspicion; the line that bears
// it out, or the end of the process, may still be on its way.
bool Supervisor::Core::waits_for_evidence(const Failure& failure) const {
    if (!speaks_of_memory(failure.status, failure.body, failure.model) &&
        !is_compute_failure(failure.status, failure.body))
        return false;
    const auto* process = process_of(failure);
    return process == nullptr ||
           (!process->exit_status && !was_refused_memory(*process, failure.began) &&
            !has_lost_device(*process));
}

OomVerdict Supervisor::Core::judge_answer(const Failure& failure) {
    Symptoms symptoms;
    symptoms.status = failure.status;
    symptoms.body = failure.body;
    symptoms.model = failure.model;
    symptoms.process = process_of(failure);
    symptoms.killed_for_memory = symptoms.process != nullptr && symptoms.process->killed_for_memory;
    symptoms.since = failure.began;
    return judge(symptoms);
}

bool Supervisor::Core::judge_case(const ReportPointer& file) {
    const auto& failure = file->failure;
    const auto verdict = judge_answer(failure);
    if (const auto* lost = std::get_if<DeviceLost>(&verdict)) {
        replace_lost_device(lost->reason);
        if (failure.stage == Failure::Stage::first) {
            file->decide_by = m_world->now() + m_spec.limits.evidence; // on_ended concludes it
            return false;
        }
    }
    auto& judged = m_judged[failure.model];
    judged = {m_processes.ends(failure.model), m_world->now(), PassOn{}};
    if (failure.stage != Failure::Stage::first) {
        conclude(*file, last_verdict(failure, verdict));
        return true;
    }
    if (const auto* other = std::get_if<OtherCause>(&verdict)) {
        judged.verdict = other_cause_verdict(failure, *other);
        conclude(*file, judged.verdict);
        return true;
    }
    judged.verdict = Replay{};
    if (const auto hopeless = hopeless_verdict(failure.model)) {
        judged.verdict = *hopeless;
        conclude(*file, *hopeless);
        return true;
    }
    begin_reduction(file, verdict);
    return true;
}

// The process lives and would fail every request: it goes, and with it all that may hold the
// device.
void Supervisor::Core::replace_lost_device(const std::string& reason) {
    if (!m_end_reason.empty() || m_ending_child) return; // it is on its way out
    notice(concat("the GPU was lost (", reason, "): llama-server is started again"));
    unplanned_end(concat("its GPU was lost: ", reason));
}

// Of a request that is not sent once more: what happened, as the process itself told.
Verdict Supervisor::Core::last_verdict(const Failure& failure, const OomVerdict& verdict) {
    const auto reason = reason_of(verdict);
    if (std::holds_alternative<DeviceLost>(verdict)) {
        return GiveUp{503, "gpu_lost",
                      concat("the GPU was lost (", reason,
                             "); llama-server is started again, "
                             "please ask once more"),
                      k_again_after};
    }
    const auto* other = std::get_if<OtherCause>(&verdict);
    const bool remote = other != nullptr && other->remote && failure.stage == Failure::Stage::again;
    if (is_broken_connection(failure.status, failure.body) && !remote) {
        const bool begun = failure.stage == Failure::Stage::begun;
        return GiveUp{
            502, "model_unreachable",
            concat("the model's process ended ",
                   begun ? "in the middle of this answer: " : "before it answered: ", reason),
            k_again_after};
    }
    if (std::holds_alternative<OutOfMemory>(verdict)) {
        return GiveUp{503, "out_of_memory",
                      concat("model '", failure.model, "' ran out of memory again: ", reason),
                      k_again_after};
    }
    return other != nullptr ? other_cause_verdict(failure, *other) : PassOn{};
}

bool Supervisor::Core::crashes_too_often(const std::string& model) {
    auto& crashes = m_crashes[model];
    const auto now = m_world->now();
    while (!crashes.empty() && now - crashes.front() > m_spec.limits.lifecycle.window) {
        crashes.pop_front();
    }
    return static_cast<int>(crashes.size()) > m_spec.limits.crashes_max;
}

Verdict Supervisor::Core::other_cause_verdict(const Failure& failure, const OtherCause& cause) {
    const bool load_failure = is_load_failure(failure.status, failure.body);
    if (cause.lasting) {
        return GiveUp{503, "gpu_not_supported",
                      concat("model '", failure.model, "' cannot be computed here: ", cause.reason),
                      k_crash_retry_after};
    }
    // What had loaded did not fail to load, whatever the router says.
    if (cause.remote && failure.stage == Failure::Stage::again)
        return GiveUp{503, "worker_lost",
                      concat("the connection to another machine was lost while model '",
                             failure.model, "' was used: ", cause.reason),
                      k_again_after};
    if (is_broken_connection(failure.status, failure.body) || (load_failure && cause.crash)) {
        // A crash, or a connection lost on the way. The router loads the model again by itself.
        if (!crashes_too_often(failure.model)) return Replay{};
        return GiveUp{503, "model_crashes",
                      concat("model '", failure.model, "' keeps crashing: ", cause.reason),
                      k_crash_retry_after};
    }
    if (load_failure && m_processes.newest(failure.model) != nullptr) {
        return GiveUp{failure.status, "model_load_failed",
                      concat("model name=", failure.model,
                             " failed to load: ", load_failure_text(cause.reason)),
                      std::nullopt};
    }
    return PassOn{};
}

} // namespace odysseus::server
