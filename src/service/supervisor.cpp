#include "odysseus/service/supervisor.hpp"

#include "odysseus/log.hpp"
#include "odysseus/logic/text.hpp"
#include "odysseus/platform/leftovers.hpp"
#include "odysseus/platform/ports.hpp"
#include "odysseus/platform/process_info.hpp"
#include "supervisor_core.hpp"

#include <algorithm>

namespace odysseus {
namespace {

// How often a waiting client is asked whether it is still there.
constexpr std::chrono::milliseconds k_ask_client_every{100};
// The pump looks up at least this often; events wake it at once.
constexpr std::chrono::milliseconds k_pump_limit{1000};
// A group that uses less than this between two looks does nothing.
constexpr std::int64_t k_idle_cpu_ms = 50;
// Loading may stand still for longer: a slow disk, a compiler in the GPU's driver.
constexpr int k_loading_patience = 10;
constexpr std::size_t k_lines_shown = 20;
constexpr std::size_t k_crashes_kept = 100;

template <class... Functions>
struct Overloaded : Functions... {
    using Functions::operator()...;
};
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

} // namespace

Supervisor::Core::Core(StartSpec spec)
    : m_spec(std::move(spec)), m_log(m_spec.log_file), m_guard(m_spec.guard),
      m_lifecycle(m_spec.context, m_spec.limits.lifecycle), m_port(m_spec.port) {
    m_serving.context = m_spec.context;
    m_serving.api_key = m_spec.api_key;
    m_serving.reason = "llama-server is being started";
}

Supervisor::Core::~Core() {
    if (!m_owner.joinable()) return;
    stop(m_spec.limits.stop_grace);
}

void Supervisor::Core::start() {
    m_errand_runner = std::thread([this] { errands(); });
    m_owner = std::thread([this] { run(); });
}

void Supervisor::Core::stop(Time grace) {
    if (!m_owner.joinable()) return;
    post(StopAsked{grace});
    m_owner.join();
    {
        const std::lock_guard lock(m_errand_mutex);
        m_errands_end = true;
    }
    m_errand_came.notify_all();
    m_errand_runner.join();
}

void Supervisor::Core::kill_now() {
    const std::lock_guard lock(m_child_mutex);
    if (m_child) m_child->stop(Time(0));
}

Serving Supervisor::Core::current() const {
    const std::lock_guard lock(m_state_mutex);
    return m_serving;
}

Serving Supervisor::Core::wait_ready(Time limit, const GaveUp& gave_up) {
    const auto end = Clock::now() + limit;
    std::unique_lock lock(m_state_mutex);
    for (;;) {
        const auto state = m_serving.state;
        const auto now = Clock::now();
        const bool settled =
            state == State::ready || state == State::failed || state == State::stopping;
        if (settled || now >= end) return m_serving;
        if (gave_up) {
            lock.unlock();
            const bool gone = gave_up();
            lock.lock();
            if (gone) return m_serving;
        }
        m_state_changed.wait_until(lock, gave_up ? std::min(end, now + k_ask_client_every) : end);
    }
}

std::optional<Error> Supervisor::Core::start_trouble() const {
    const std::lock_guard lock(m_state_mutex);
    return m_trouble;
}

std::vector<std::string> Supervisor::Core::recent_log(std::size_t most) const {
    return m_log.recent(most);
}

LogTail Supervisor::Core::log_tail(std::uint64_t after) const {
    return m_log.tail(after);
}

std::string Supervisor::Core::build() const {
    const std::lock_guard lock(m_state_mutex);
    return m_build;
}

void Supervisor::Core::post(Message message) {
    {
        const std::lock_guard lock(m_mail_mutex);
        // Only a model that talks without end fills it, and its lines are the ones to do without.
        if (m_mail.size() >= k_mailbox_max && std::holds_alternative<Lines>(message)) return;
        m_mail.push_back(std::move(message));
    }
    m_mail_came.notify_one();
}

Lifecycle::Time Supervisor::Core::since_start() const {
    return std::chrono::duration_cast<Lifecycle::Time>(Clock::now() - m_began);
}

void Supervisor::Core::notice(const std::string& sentence) const {
    if (m_spec.notice) {
        m_spec.notice(sentence);
    } else {
        log::info(sentence);
    }
}

LlamaAddress Supervisor::Core::address() const {
    return {m_port, m_spec.api_key};
}

void Supervisor::Core::publish(State state, std::string reason) {
    {
        const std::lock_guard lock(m_state_mutex);
        m_serving.state = state;
        m_serving.reason = std::move(reason);
        m_serving.generation = m_lifecycle.generation();
        m_serving.context = m_lifecycle.context();
        m_serving.port = m_port;
        m_serving.pid = m_child ? m_child->pid() : 0;
        m_serving.restarts = m_restarts;
        m_serving.oom_steps = m_oom_steps;
    }
    m_state_changed.notify_all();
}

void Supervisor::Core::republish() {
    const auto now = current();
    publish(now.state, now.reason);
}

// --- the owner's loop ---------------------------------------------------------------------------

void Supervisor::Core::run() {
    try {
        act(m_lifecycle.start());
        while (!m_stopped) {
            std::deque<Message> mail;
            {
                std::unique_lock lock(m_mail_mutex);
                m_mail_came.wait_until(lock, next_moment(), [this] { return !m_mail.empty(); });
                mail.swap(m_mail);
            }
            for (auto& message : mail)
                handle(message);
            on_time(Clock::now());
        }
    } catch (const std::exception& error) {
        log::error(cat("the supervisor failed: ", error.what()));
    }
    conclude_all(GiveUp{503, "server_stopping", "odysseus is stopping", std::nullopt});
    if (m_child) {
        m_child->stop(Time(0));
        bury_child();
    }
    publish(State::stopping, "odysseus is stopping");
}

Supervisor::Core::Moment Supervisor::Core::next_moment() const {
    auto next = Clock::now() + std::chrono::hours(1);
    const auto consider = [&](const std::optional<Moment>& moment) {
        if (moment) next = std::min(next, *moment);
    };
    if (!m_child) consider(m_launch_at);
    consider(m_start_limit);
    if (!m_checking) consider(m_check_at);
    consider(m_due_at);
    if (!m_examining) consider(m_examine_at);
    if (m_proof_failed) consider(m_proof_by);
    for (const auto& file : m_cases)
        consider(file->decide_by);
    return next;
}

void Supervisor::Core::handle(Message& message) {
    std::visit(Overloaded{
                   [&](Lines& lines) { on_lines(lines); },
                   [&](Ended& ended) { on_ended(ended); },
                   [&](AllGone&) { on_gone(); },
                   [&](Checked& checked) { on_checked(checked); },
                   [&](Proved& proved) { on_proved(proved); },
                   [&](Examined& examined) { on_examined(examined); },
                   [&](Reported& reported) { on_reported(reported.file); },
                   [&](StopAsked& asked) {
                       act(m_lifecycle.stop());
                       if (m_child) m_child->stop(asked.grace);
                       m_stopped = !m_child;
                   },
               },
               message);
}

void Supervisor::Core::on_time(Moment now) {
    const auto is_due = [&](const std::optional<Moment>& moment) {
        return moment && *moment <= now;
    };
    if (!m_child && is_due(m_launch_at)) launch();
    if (is_due(m_start_limit)) {
        m_start_limit.reset();
        unplanned_end(cat("it was not ready after ", m_spec.limits.start.count() / 1000, " s"));
    }
    if (!m_checking && is_due(m_check_at)) {
        m_check_at.reset();
        m_checking = true;
        send_errand([address = address(), pid = m_child ? m_child->pid() : 0,
                     generation = m_lifecycle.generation()]() -> Message {
            return Checked{generation, check_readiness(address, pid)};
        });
    }
    if (is_due(m_due_at)) {
        m_due_at.reset();
        act(m_lifecycle.due());
    }
    if (!m_examining && is_due(m_examine_at)) examine();
    settle_cases();
    if (m_proof_failed) judge_proof();
}

void Supervisor::Core::act(const Lifecycle::Action& action) {
    std::visit(
        Overloaded{
            [](const Lifecycle::Nothing&) {},
            [&](const Lifecycle::StartAt& start) { act_start(start); },
            [&](const Lifecycle::Prove&) { prove(); },
            [&](const Lifecycle::Serve&) { act_serve(); },
            [&](const Lifecycle::Fail& fail) { act_fail(fail); },
            [&](const Lifecycle::Stop&) {
                m_launch_at.reset();
                m_start_limit.reset();
                m_check_at.reset();
                m_due_at.reset();
                m_examine_at.reset();
                m_ending_child = true;
                publish(State::stopping, "odysseus is stopping");
                conclude_all(GiveUp{503, "server_stopping", "odysseus is stopping", std::nullopt});
            },
        },
        action);
}

void Supervisor::Core::act_start(const Lifecycle::StartAt& start) {
    m_launch_at = Clock::now() + start.delay;
    m_start_limit.reset();
    m_check_at.reset();
    m_examine_at.reset();
    m_silent_since.reset();
    const bool first = m_lifecycle.phase() == Lifecycle::Phase::starting;
    auto reason = first       ? std::string("llama-server is being started")
                  : m_descent ? cat("out of memory: trying a context of ", start.context, " tokens")
                              : std::string("llama-server is being started again");
    publish(first ? State::starting : State::restarting, std::move(reason));
    if (m_child && !m_ending_child) {
        m_ending_child = true;
        m_child->stop(m_spec.limits.restart_grace);
    }
}

void Supervisor::Core::act_serve() {
    m_examine_at = Clock::now() + m_spec.limits.health_every;
    publish(State::ready, "");
    log::debug("llama-server is ready", {{"pid", cat(m_child ? m_child->pid() : 0)},
                                         {"port", cat(m_port)},
                                         {"context", cat(m_lifecycle.context())}});
}

void Supervisor::Core::act_fail(const Lifecycle::Fail& fail) {
    if (!fail.retry_in) {
        publish(State::failed, start_trouble() ? start_trouble()->what() : m_end_reason);
    } else {
        m_due_at = Clock::now() + *fail.retry_in;
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*fail.retry_in);
        {
            const std::lock_guard lock(m_state_mutex);
            m_serving.retry_after = std::max(seconds, std::chrono::seconds(1));
        }
        publish(State::failed, cat("llama-server keeps failing (", m_end_reason,
                                   "); it will be tried again in ", seconds.count(), " s"));
        log::error(current().reason);
    }
    m_descent.reset();
    conclude_all(failed_verdict());
}

// --- the child ----------------------------------------------------------------------------------

int Supervisor::Core::choose_port() const {
    if (m_spec.port_asked_for) {
        if (!platform::port_is_free("127.0.0.1", m_spec.port)) {
            throw Error(Fault::busy,
                        cat("port ", m_spec.port,
                            " for llama-server is taken by another program; stop it, or "
                            "choose another port with --llama-port"));
        }
        return m_spec.port;
    }
    // The same one as before, as long as it can be had; after a lost race the next one.
    const int from = m_bind_failed ? m_port + 1 : m_port;
    const auto port = platform::next_free_port("127.0.0.1", from);
    if (!port) {
        throw Error(Fault::busy, cat("no free port for llama-server from ", from, " on"));
    }
    return *port;
}

void Supervisor::Core::launch() {
    m_launch_at.reset();
    m_book = {};
    m_judged.clear();
    m_proof = 0;
    m_proof_failed.reset();
    m_ending_child = false;
    m_end_reason.clear();
    m_memory_kills = platform::memory_kills();
    const auto generation = m_lifecycle.generation();
    try {
        const int port = choose_port();
        if (port != m_port && generation == 1) {
            notice(cat("port ", m_port, " is taken: llama-server uses ", port));
        }
        m_port = port;
        m_bind_failed = false;
        platform::ChildSpec spec;
        spec.executable = m_spec.executable;
        spec.arguments = m_spec.arguments(m_lifecycle.context(), m_port);
        spec.environment = m_spec.environment;
        spec.directory = m_spec.directory;
        auto child = std::make_unique<platform::Child>(spec, m_guard);
        if (!m_spec.record.empty()) platform::record_child(m_spec.record, child->pid());
        auto& running = *child;
        {
            const std::lock_guard lock(m_child_mutex);
            m_child = std::move(child);
        }
        m_pump = std::thread([this, &running, generation] { pump(running, generation); });
    } catch (const Error& error) {
        launch_failed(error);
        return;
    } catch (const std::system_error& error) {
        launch_failed(Error(Fault::server, cat("starting llama-server: ", error.what())));
        return;
    }
    m_start_limit = Clock::now() + m_spec.limits.start;
    check_readiness_soon(Clock::now() + m_spec.limits.ready_poll);
    republish(); // with the new process's number
}

void Supervisor::Core::launch_failed(const Error& error) {
    m_end_reason = error.what();
    if (m_lifecycle.phase() == Lifecycle::Phase::starting) {
        const std::lock_guard lock(m_state_mutex);
        m_trouble = error;
    }
    log::warn(m_end_reason);
    act(m_lifecycle.exited(since_start()));
}

// The pump's thread: it ends when the last process is gone.
void Supervisor::Core::pump(platform::Child& child, std::uint64_t generation) {
    LineSplitter out;
    LineSplitter err;
    const auto add = [&](Lines& lines, const std::vector<std::string>& texts) {
        for (const auto& text : texts) {
            m_log.add(text);
            auto fact = classify(text);
            if (fact.kind != LogFact::Kind::noise || fact.from_model) {
                lines.facts.push_back(std::move(fact));
            }
        }
    };
    for (;;) {
        auto event = child.next(k_pump_limit);
        if (const auto* output = std::get_if<platform::ChildOutput>(&event)) {
            Lines lines{generation, {}};
            add(lines, out.feed(output->out));
            add(lines, err.feed(output->err));
            m_log.flush();
            if (!lines.facts.empty()) post(std::move(lines));
        } else if (const auto* exited = std::get_if<platform::ChildExited>(&event)) {
            post(Ended{generation, exited->status});
        } else if (std::holds_alternative<platform::ChildGone>(event)) {
            break;
        }
    }
    Lines last{generation, {}};
    for (auto* splitter : {&out, &err}) {
        auto line = splitter->rest();
        if (line && !line->empty()) add(last, {*line});
    }
    m_log.flush();
    if (!last.facts.empty()) post(std::move(last));
    post(AllGone{generation});
}

void Supervisor::Core::bury_child() {
    if (m_pump.joinable()) m_pump.join();
    const std::lock_guard lock(m_child_mutex);
    m_child.reset();
    if (!m_spec.record.empty()) platform::forget_child(m_spec.record);
}

void Supervisor::Core::on_lines(const Lines& lines) {
    if (lines.generation != m_lifecycle.generation()) return;
    m_lines_seen += lines.facts.size();
    for (const auto& fact : lines.facts)
        on_fact(fact);
}

void Supervisor::Core::on_fact(const LogFact& fact) {
    m_book.note(fact);
    if (fact.kind == LogFact::Kind::exited) {
        const auto* process = m_book.newest_ended(fact.model);
        const bool crashed = process != nullptr && process->loaded && fact.status != 0;
        auto& crashes = m_crashes[fact.model];
        if (crashed) crashes.push_back(Clock::now());
        if (crashes.size() > k_crashes_kept) crashes.pop_front();
    }
    if (fact.from_model) return;
    if (fact.kind == LogFact::Kind::listening) check_readiness_soon(Clock::now());
    if (fact.kind == LogFact::Kind::bind_failed) m_bind_failed = true;
}

void Supervisor::Core::check_readiness_soon(Moment at) {
    const auto phase = m_lifecycle.phase();
    if (phase != Lifecycle::Phase::starting && phase != Lifecycle::Phase::restarting) return;
    if (m_ending_child || !m_child) return;
    if (!m_check_at || at < *m_check_at) m_check_at = at;
}

void Supervisor::Core::on_checked(const Checked& checked) {
    m_checking = false;
    if (checked.generation != m_lifecycle.generation() || m_ending_child || !m_child) return;
    const auto phase = m_lifecycle.phase();
    if (phase != Lifecycle::Phase::starting && phase != Lifecycle::Phase::restarting) return;
    std::visit(
        Overloaded{
            [&](const Ready& ready) {
                m_start_limit.reset();
                m_check_at.reset();
                // Again: a wrapper script has become llama-server by now.
                if (!m_spec.record.empty()) {
                    platform::record_child(m_spec.record, m_child->pid());
                }
                {
                    const std::lock_guard lock(m_state_mutex);
                    m_build = ready.build;
                }
                act(m_lifecycle.ready(m_descent.has_value()));
            },
            [&](const NotYet&) { check_readiness_soon(Clock::now() + m_spec.limits.ready_poll); },
            // Ours will find that it cannot bind, and end.
            [&](const Foreign&) { check_readiness_soon(Clock::now() + m_spec.limits.ready_poll); },
            [&](const WrongRole& wrong) { unplanned_end(wrong.reason); },
        },
        checked.readiness);
}

// We end it, and count it as a failure.
void Supervisor::Core::unplanned_end(std::string reason) {
    if (!m_child || m_ending_child) return;
    m_end_reason = std::move(reason);
    m_child->stop(Time(0));
}

void Supervisor::Core::on_ended(const Ended& ended) {
    if (m_ending_child || ended.generation != m_lifecycle.generation()) return;
    m_ending_child = true;
    m_start_limit.reset();
    m_check_at.reset();
    m_examine_at.reset();
    if (m_bind_failed && !m_spec.port_asked_for) { // a lost race for the port is no failure
        m_launch_at = Clock::now();
        return;
    }
    const auto ending = platform::exit_text(ended.status);
    if (m_end_reason.empty()) {
        m_end_reason = m_bind_failed ? cat("it could not bind port ", m_port) : ending;
    }
    if (m_lifecycle.phase() == Lifecycle::Phase::starting) {
        auto sentence = cat("llama-server did not start: ", m_end_reason, ". Its last lines:\n  ",
                            joined(m_log.recent(k_lines_shown), "\n  "));
        const std::lock_guard lock(m_state_mutex);
        m_trouble = Error(m_bind_failed ? Fault::busy : Fault::server, sentence);
    } else {
        ++m_restarts;
        log::warn(cat("llama-server ended unexpectedly: ", m_end_reason));
    }
    m_proof = 0;
    m_proof_failed.reset();
    act(m_lifecycle.exited(since_start()));
    // Nothing was wrong with what was asked: once more, when it is back.
    for (const auto& file : m_cases)
        conclude(*file, Replay{});
    m_cases.clear();
}

void Supervisor::Core::on_gone() {
    bury_child();
    if (m_lifecycle.phase() == Lifecycle::Phase::stopping) m_stopped = true;
}

// --- is it alive? -------------------------------------------------------------------------------

void Supervisor::Core::examine() {
    m_examine_at.reset();
    if (!m_child) return;
    m_examining = true;
    send_errand([address = address(), pid = m_child->pid(), limit = m_spec.limits.health_answer,
                 generation = m_lifecycle.generation()]() -> Message {
        const bool answered = llama_get(address, "/health", limit).status != 0;
        Examined examined{generation, answered, std::nullopt};
        if (!answered) examined.cpu_ms = platform::group_cpu_ms(pid);
        return examined;
    });
}

// Not answering is not enough: every thread of it may be busy with long prompts. Not answering,
// writing nothing and using no processor time is.
void Supervisor::Core::on_examined(const Examined& examined) {
    m_examining = false;
    if (examined.generation != m_lifecycle.generation() || m_ending_child ||
        m_lifecycle.phase() != Lifecycle::Phase::serving) {
        return;
    }
    const auto now = Clock::now();
    m_examine_at = now + m_spec.limits.health_every;
    if (examined.answered) {
        m_silent_since.reset();
        return;
    }
    const bool worked =
        examined.cpu_ms && m_silent_cpu_ms && *examined.cpu_ms - *m_silent_cpu_ms > k_idle_cpu_ms;
    if (!m_silent_since || worked || m_lines_seen != m_silent_lines) {
        m_silent_since = now;
        m_silent_cpu_ms = examined.cpu_ms;
        m_silent_lines = m_lines_seen;
        return;
    }
    auto patience = m_spec.limits.hung_after;
    // Where processor time is not told, or a model loads, standing still proves less.
    if (m_book.is_loading() || !examined.cpu_ms) patience *= k_loading_patience;
    if (now - *m_silent_since < patience) return;
    unplanned_end(
        cat("it had not answered or done anything for ",
            std::chrono::duration_cast<std::chrono::seconds>(now - *m_silent_since).count(), " s"));
}

// --- errands ------------------------------------------------------------------------------------

void Supervisor::Core::send_errand(std::function<Message()> errand) {
    {
        const std::lock_guard lock(m_errand_mutex);
        m_errand_queue.push_back(std::move(errand));
    }
    m_errand_came.notify_one();
}

void Supervisor::Core::errands() {
    for (;;) {
        std::function<Message()> errand;
        {
            std::unique_lock lock(m_errand_mutex);
            m_errand_came.wait(lock, [this] { return m_errands_end || !m_errand_queue.empty(); });
            if (m_errands_end) return;
            errand = std::move(m_errand_queue.front());
            m_errand_queue.pop_front();
        }
        try {
            post(errand());
        } catch (const std::exception& error) {
            log::error(cat("asking llama-server: ", error.what()));
        }
    }
}

// --- the door -----------------------------------------------------------------------------------

Supervisor::Supervisor(StartSpec spec) : m_core(std::make_unique<Core>(std::move(spec))) {}
Supervisor::~Supervisor() = default;

void Supervisor::start() {
    m_core->start();
}

std::variant<Serving, Error> Supervisor::wait_started(const GaveUp& stopped) {
    auto serving = m_core->wait_ready(std::chrono::hours(24), stopped);
    if (serving.state == State::failed) {
        if (const auto trouble = m_core->start_trouble()) return *trouble;
        return Error(Fault::server, serving.reason);
    }
    return serving;
}

void Supervisor::stop(std::chrono::milliseconds grace) {
    m_core->stop(grace);
}

void Supervisor::stop() {
    m_core->stop(SupervisorLimits{}.stop_grace);
}

void Supervisor::kill_now() {
    m_core->kill_now();
}

Serving Supervisor::current() const {
    return m_core->current();
}

Serving Supervisor::wait_ready(std::chrono::milliseconds limit, const GaveUp& gave_up) {
    return m_core->wait_ready(limit, gave_up);
}

Verdict Supervisor::report(const Failure& failure, const GaveUp& gave_up) {
    return m_core->report(failure, gave_up);
}

std::vector<std::string> Supervisor::recent_log(std::size_t most) const {
    return m_core->recent_log(most);
}

LogTail Supervisor::log_tail(std::uint64_t after) const {
    return m_core->log_tail(after);
}

std::string Supervisor::build() const {
    return m_core->build();
}

} // namespace odysseus
