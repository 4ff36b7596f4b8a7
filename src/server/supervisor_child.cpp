// The process itself: its start, what it says, and its end.
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"
#include "supervisor_core.hpp"

namespace odysseus::server {
namespace {

constexpr std::size_t k_lines_shown = 20;
constexpr std::size_t k_crashes_kept = 100;
constexpr int k_races_max = 3; // for the port

} // namespace

int Supervisor::Core::choose_port() const {
    if (m_spec.port_asked_for) {
        if (m_world->next_free_port(m_spec.port) != m_spec.port) {
            throw Error(Fault::busy,
                        concat("port ", m_spec.port,
                               " for llama-server is taken by another program; stop it, or "
                               "choose another port with --llama-port"));
        }
        return m_spec.port;
    }
    // The same one as before, as long as it can be had; after a lost race the next one.
    const int from = m_bind_failed ? m_port + 1 : m_port;
    const auto port = m_world->next_free_port(from);
    if (!port) {
        throw Error(Fault::busy, concat("no free port for llama-server from ", from, " on"));
    }
    return *port;
}

void Supervisor::Core::check_needs() const {
    for (const auto& path : m_spec.needs) {
        if (m_world->exists(path)) continue;
        throw Error(Fault::server,
                    concat(system::utf8(path), " is not there; was a drive removed?"));
    }
}

void Supervisor::Core::launch() {
    m_launch_at.reset();
    m_processes = {};
    m_judged.clear();
    m_spawns_failed = 0;
    m_proof = 0;
    m_prove_at.reset();
    m_proof_failed.reset();
    m_ending_child = false;
    m_end_reason.clear();
    m_memory_kills = m_world->memory_kills();
    m_gpu_unused.clear();
    m_lines_before = m_log.lines();
    const auto generation = m_lifecycle.generation();
    try {
        check_needs();
        const int port = choose_port();
        if (port != m_port && generation == 1) {
            notice(concat("port ", m_port, " is taken: llama-server uses ", port));
        }
        m_port = port;
        m_bind_failed = false;
        system::ChildSpec spec;
        spec.executable = m_spec.executable;
        spec.arguments = m_spec.arguments(m_lifecycle.context(), m_without_gpu, m_port);
        spec.environment = m_spec.environment;
        spec.directory = m_spec.directory;
        m_world->start_child(spec, generation);
    } catch (const Error& error) {
        launch_failed(error);
        return;
    } catch (const std::system_error& error) {
        launch_failed(Error(Fault::server, concat("starting llama-server: ", error.what())));
        return;
    }
    m_start_limit = m_world->now() + m_spec.limits.start;
    check_readiness_soon(m_world->now() + m_spec.limits.ready_poll);
    republish(); // with the new process's number
}

void Supervisor::Core::launch_failed(const Error& error) {
    m_end_reason = error.what();
    if (m_lifecycle.phase() == Lifecycle::Phase::starting) {
        const std::lock_guard lock(m_state_mutex);
        m_trouble = error;
    } else {
        tell_end("did not start");
    }
    act(m_lifecycle.exited(since_start()));
}

void Supervisor::Core::delete_child() {
    m_world->delete_child();
}

void Supervisor::Core::on_lines(const Lines& lines) {
    if (lines.generation != m_lifecycle.generation()) return;
    m_lines_seen += lines.facts.size();
    for (auto fact : lines.facts) {
        // A kill is the end that is told next, not one of a later process.
        if (fact.kind == LogFact::Kind::exited && fact.status != 0)
            fact.killed = killed_for_memory();
        on_fact(fact);
    }
}

void Supervisor::Core::on_fact(const LogFact& fact) {
    m_processes.note(fact);
    if (fact.kind == LogFact::Kind::exited) {
        const auto* process = m_processes.newest_ended(fact.model);
        const bool crashed = process != nullptr && process->loaded && fact.status != 0;
        auto& crashes = m_crashes[fact.model];
        if (crashed) {
            crashes.push_back(m_world->now());
            tell_model_end(*process);
        }
        if (crashes.size() > k_crashes_kept) crashes.pop_front();
    }
    watch_model(fact);
    if (fact.kind == LogFact::Kind::loaded) tell_model_again(fact);
    if (fact.kind == LogFact::Kind::gpu_unused) on_gpu_unused(fact);
    if (fact.from_model) return;
    if (fact.kind == LogFact::Kind::listening) check_readiness_soon(m_world->now());
    if (fact.kind == LogFact::Kind::bind_failed) {
        m_bind_failed = true;
        m_bind_line = fact.text;
    }
}

// We end it, and count it as a failure.
void Supervisor::Core::unplanned_end(std::string reason) {
    if (!m_world->has_child() || m_ending_child) return;
    m_end_reason = std::move(reason);
    m_world->stop_child(Time(0));
}

void Supervisor::Core::on_ended(const Ended& ended) {
    if (m_ending_child || ended.generation != m_lifecycle.generation()) return;
    m_ending_child = true;
    m_start_limit.reset();
    m_check_at.reset();
    m_examine_at.reset();
    m_look_for_stuck_at.reset();
    // A lost race for the port is no failure, several in a row are no race.
    if (m_bind_failed && !m_spec.port_asked_for && ++m_races_lost < k_races_max) {
        m_launch_at = m_world->now();
        return;
    }
    const auto ending = system::exit_text(ended.status);
    if (m_end_reason.empty()) {
        m_end_reason = m_bind_failed
                           ? concat("it could not bind port ", m_port, " (", m_bind_line, ")")
                           : ending;
    }
    if (m_lifecycle.phase() == Lifecycle::Phase::starting) {
        const auto lines = m_log.recent(k_lines_shown);
        auto sentence =
            concat("llama-server did not start: ", m_end_reason,
                   lines.empty() ? std::string("; it wrote nothing")
                                 : concat(". Its last lines:\n  ", joined(lines, "\n  ")));
        const auto advice = m_spec.start_advice ? m_spec.start_advice(lines) : std::string();
        if (!advice.empty()) sentence += concat("\n", advice);
        const std::lock_guard lock(m_state_mutex);
        m_trouble = Error(m_bind_failed ? Fault::busy : Fault::server, sentence);
    } else {
        ++m_restarts;
        tell_end("ended unexpectedly");
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
    delete_child();
    if (m_lifecycle.phase() == Lifecycle::Phase::stopping) m_stopped = true;
}

} // namespace odysseus::server
