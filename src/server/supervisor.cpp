#include "odysseus/server/supervisor.hpp"

#include "odysseus/base/log.hpp"
#include "odysseus/base/overloaded.hpp"
#include "odysseus/base/text.hpp"
#include "real_world.hpp"
#include "supervisor_core.hpp"

#include <algorithm>
#include <utility>

namespace odysseus::server {
namespace {

// How often a waiting client is asked whether it is still there.
constexpr std::chrono::milliseconds k_ask_client_every{100};

} // namespace

Supervisor::Core::Core(StartSpec spec) : Core(std::move(spec), nullptr) {
    m_world = std::make_unique<RealWorld>(m_spec.guard, m_spec.record, m_log,
                                          [this](Message message) { post(std::move(message)); });
}

Supervisor::Core::Core(StartSpec spec, std::unique_ptr<World> world)
    : m_spec(std::move(spec)), m_log(m_spec.log_file),
      m_lifecycle(m_spec.context, m_spec.limits.lifecycle), m_port(m_spec.port),
      m_world(std::move(world)) {
    m_serving.context = m_spec.context;
    m_without_gpu = m_serving.without_gpu = m_spec.without_gpu;
    m_serving.api_key = m_spec.api_key;
    m_serving.reason = "llama-server is being started";
}

Supervisor::Core::~Core() {
    stop();
}

void Supervisor::Core::start() {
    m_owner = std::thread([this] { run(); });
}

void Supervisor::Core::stop(Time grace) {
    if (!m_owner.joinable()) return;
    post(StopAsked{grace});
    m_owner.join();
}

void Supervisor::Core::stop() {
    stop(m_spec.limits.stop_grace);
}

void Supervisor::Core::kill_now() {
    m_world->stop_child(Time(0));
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
        // Only a model that talks without end fills it. Its talk can be done without, what it tells
        // of an end or of memory cannot.
        auto* lines = std::get_if<Lines>(&message);
        if (m_mail.size() >= k_mailbox_max && lines != nullptr) {
            drop_noise(lines->facts);
            if (lines->facts.empty()) return;
        }
        m_mail.push_back(std::move(message));
    }
    m_mail_came.notify_one();
}

Lifecycle::Time Supervisor::Core::since_start() const {
    return std::chrono::duration_cast<Lifecycle::Time>(m_world->now() - m_began);
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
        m_serving.without_gpu = m_without_gpu;
        m_descending = m_descent.has_value();
        m_serving.port = m_port;
        m_serving.pid = m_world->child_pid();
        m_serving.restarts = m_restarts;
        m_serving.oom_steps = m_oom_steps;
        m_serving.gpu_unused = m_gpu_unused;
    }
    m_state_changed.notify_all();
}

void Supervisor::Core::republish() {
    const auto now = current();
    publish(now.state, now.reason);
}

// --- the owner's loop ---------------------------------------------------------------------------

void Supervisor::Core::begin() {
    m_began = m_world->now();
    act(m_lifecycle.start());
}

void Supervisor::Core::take_mail() {
    std::deque<Message> mail;
    {
        const std::lock_guard lock(m_mail_mutex);
        mail.swap(m_mail);
    }
    for (auto& message : mail)
        take(message);
}

void Supervisor::Core::run() {
    std::optional<Error> lost;
    try {
        begin();
        while (!m_stopped) {
            {
                std::unique_lock lock(m_mail_mutex);
                m_mail_came.wait_until(lock, next_moment(), [this] { return !m_mail.empty(); });
            }
            take_mail();
            tick();
        }
    } catch (const std::exception& error) {
        lost =
            Error(Fault::server, concat("the supervision of llama-server failed: ", error.what()));
    }
    conclude_all(GiveUp{503, "server_stopping", "odysseus is stopping", std::nullopt});
    if (m_world->has_child()) {
        m_world->stop_child(Time(0));
        delete_child();
    }
    if (lost) tell_lost(*lost);
    publish(State::stopping, "odysseus is stopping");
}

// Nobody restarts anything from here on: the program has to end, and to say why.
void Supervisor::Core::tell_lost(const Error& error) {
    log::error(error.what());
    {
        const std::lock_guard lock(m_state_mutex);
        m_trouble = error;
    }
    if (m_spec.on_lost) m_spec.on_lost(error);
}

Supervisor::Core::Moment Supervisor::Core::next_moment() const {
    auto next = m_world->now() + std::chrono::hours(1);
    const auto consider = [&](const std::optional<Moment>& moment) {
        if (moment) next = std::min(next, *moment);
    };
    if (!m_world->has_child()) consider(m_launch_at);
    consider(m_start_limit);
    if (!m_checking) consider(m_check_at);
    consider(m_due_at);
    if (!m_examining) consider(m_examine_at);
    if (m_proof_failed) consider(m_proof_by);
    consider(m_prove_at);
    consider(m_look_for_stuck_at);
    for (const auto& file : m_cases)
        consider(m_world->now() < file->settle_at ? file->settle_at : file->decide_by);
    return next;
}

void Supervisor::Core::take(Message& message) {
    std::visit(Overloaded{
                   [&](Lines& lines) { on_lines(lines); },
                   [&](Ended& ended) { on_ended(ended); },
                   [&](AllGone&) { on_gone(); },
                   [&](Checked& checked) { on_checked(checked); },
                   [&](Proved& proved) { on_proved(proved); },
                   [&](MemoryLooked& looked) { on_memory_looked(looked); },
                   [&](Examined& examined) { on_examined(examined); },
                   [&](Reported& reported) { on_reported(reported.file); },
                   [&](SwitchAsked& asked) { on_switch_asked(asked); },
                   [&](SetupsChanged& changed) { on_setups_changed(changed); },
                   [&](StopAsked& asked) {
                       act(m_lifecycle.stop());
                       m_world->stop_child(asked.grace);
                       m_stopped = !m_world->has_child();
                   },
               },
               message);
}

void Supervisor::Core::tick() {
    const auto now = m_world->now();
    const auto is_due = [&](const std::optional<Moment>& moment) {
        return moment && *moment <= now;
    };
    if (!m_world->has_child() && is_due(m_launch_at)) launch();
    if (is_due(m_start_limit)) {
        m_start_limit.reset();
        unplanned_end(concat("it was not ready after ", m_spec.limits.start.count() / 1000, " s"));
    }
    if (!m_checking && is_due(m_check_at)) {
        m_check_at.reset();
        m_checking = true;
        m_world->send(World::Task::health,
                      [world = m_world.get(), address = address(), pid = m_world->child_pid(),
                       generation = m_lifecycle.generation()]() -> Message {
                          return Checked{generation, world->check_readiness(address, pid)};
                      });
    }
    if (is_due(m_due_at)) {
        m_due_at.reset();
        act(m_lifecycle.due());
    }
    if (!m_examining && is_due(m_examine_at)) examine();
    if (is_due(m_look_for_stuck_at)) look_for_stuck_processes();
    if (is_due(m_prove_at)) {
        m_prove_at.reset();
        if (m_descent && m_proof == 0) prove();
    }
    settle_cases();
    if (m_proof_failed) judge_proof();
}

void Supervisor::Core::act(const Lifecycle::Action& action) {
    std::visit(
        Overloaded{
            [](const Lifecycle::Nothing&) {},
            [&](const Lifecycle::StartAt& start) { act_start(start); },
            [&](const Lifecycle::Prove&) {
                m_examine_at = m_world->now() + m_spec.limits.health_every;
                prove();
            },
            [&](const Lifecycle::Serve&) { act_serve(); },
            [&](const Lifecycle::Fail& fail) { act_fail(fail); },
            [&](const Lifecycle::Stop&) {
                m_launch_at.reset();
                m_start_limit.reset();
                m_check_at.reset();
                m_due_at.reset();
                m_examine_at.reset();
                m_look_for_stuck_at.reset();
                m_prove_at.reset();
                m_ending_child = true;
                publish(State::stopping, "odysseus is stopping");
                conclude_all(GiveUp{503, "server_stopping", "odysseus is stopping", std::nullopt});
            },
        },
        action);
}

void Supervisor::Core::act_start(const Lifecycle::StartAt& start) {
    m_launch_at = m_world->now() + start.delay;
    m_start_limit.reset();
    m_check_at.reset();
    m_examine_at.reset();
    m_look_for_stuck_at.reset();
    m_silent_since.reset();
    const bool first = m_lifecycle.phase() == Lifecycle::Phase::starting;
    auto reason = first ? std::string("llama-server is being started")
                  : m_descent
                      ? concat("out of memory: trying a context of ", start.context, " tokens")
                      : std::string("llama-server is being started again");
    publish(first ? State::starting : State::restarting, std::move(reason));
    if (m_world->has_child() && !m_ending_child) {
        m_ending_child = true;
        m_world->stop_child(m_spec.limits.restart_grace);
    }
}

void Supervisor::Core::act_serve() {
    m_examine_at = m_world->now() + m_spec.limits.health_every;
    if (std::exchange(m_setups_changed, false)) read_presets_again();
    publish(State::ready, "");
    log::debug("llama-server is ready", {{"pid", concat(m_world->child_pid())},
                                         {"port", concat(m_port)},
                                         {"context", concat(m_lifecycle.context())}});
    tell_running_again(false);
}

void Supervisor::Core::act_fail(const Lifecycle::Fail& fail) {
    if (!fail.retry_in) {
        publish(State::failed, start_trouble() ? start_trouble()->what() : m_end_reason);
    } else {
        m_due_at = m_world->now() + *fail.retry_in;
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*fail.retry_in);
        {
            const std::lock_guard lock(m_state_mutex);
            m_serving.retry_after = std::max(seconds, std::chrono::seconds(1));
        }
        publish(State::failed, concat("llama-server keeps failing (", m_end_reason,
                                      "); it will be tried again in ", seconds.count(), " s"));
        tell_failing(seconds);
    }
    m_descent.reset();
    conclude_all(failed_verdict());
}

// --- the door -----------------------------------------------------------------------------------

Supervisor::Supervisor(StartSpec spec) : m_core(std::make_unique<Core>(std::move(spec))) {}
Supervisor::~Supervisor() = default;

void Supervisor::start() {
    m_core->start();
}

std::variant<Serving, Error> Supervisor::wait_started(const GaveUp& stopped) {
    auto serving = m_core->wait_ready(std::chrono::hours(24), stopped);
    if (serving.state == State::failed || serving.state == State::stopping) {
        if (const auto trouble = m_core->start_trouble()) return *trouble;
        if (serving.state == State::failed) return Error(Fault::server, serving.reason);
    }
    return serving;
}

void Supervisor::setups_changed(std::vector<std::string> models, std::string why) {
    m_core->setups_changed(std::move(models), std::move(why));
}

void Supervisor::stop(std::chrono::milliseconds grace) {
    m_core->stop(grace);
}

void Supervisor::stop() {
    m_core->stop();
}

void Supervisor::kill_now() {
    m_core->kill_now();
}

Serving Supervisor::current() const {
    return m_core->current();
}

std::variant<Serving, GiveUp> Supervisor::admit(const std::string& model) {
    return m_core->admit(model);
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

} // namespace odysseus::server
