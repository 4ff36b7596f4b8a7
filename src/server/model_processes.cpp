#include "odysseus/server/model_processes.hpp"

#include <algorithm>

namespace odysseus::server {
namespace {

using Kind = LogFact::Kind;

bool is_failure(Kind kind) {
    return kind == Kind::memory || kind == Kind::strained || kind == Kind::not_memory ||
           kind == Kind::load_failed || kind == Kind::no_code || kind == Kind::no_free_memory ||
           kind == Kind::device_lost || kind == Kind::remote_lost;
}

// What follows an error and tells less than it: where in the sources it was noticed.
bool is_detail(std::string_view text) {
    return text.starts_with("current device:") || text.starts_with("in function") ||
           text.find(": CUDA error") != std::string_view::npos;
}

// Libraries and abort() write without a level.
bool tells_of_an_error(const LogFact& fact) {
    if (fact.quotes || fact.text.empty() || is_detail(fact.text)) return false;
    if (fact.level != 0) return fact.level == 'E';
    return is_failure(fact.kind) || fact.text.starts_with("terminate called") ||
           fact.text.starts_with("what():") || fact.text.find("rror") != std::string::npos ||
           fact.text.find("ssert") != std::string::npos ||
           fact.text.find("fault") != std::string::npos;
}

void add(std::vector<LogFact>& facts, const LogFact& fact) {
    if (fact.kind == Kind::fit_trial) {
        facts.clear(); // the dry run's troubles are not the load's
    } else if (is_failure(fact.kind) && facts.size() < ModelProcesses::k_facts_max) {
        facts.push_back(fact);
    }
}

} // namespace

void drop_noise(std::vector<LogFact>& facts) {
    facts.erase(std::remove_if(facts.begin(), facts.end(),
                               [](const auto& fact) { return fact.kind == Kind::noise; }),
                facts.end());
}

// The process that lives on this port now. Its first lines may come before the router's line that
// names its model: the two come on different streams.
ModelProcess* ModelProcesses::open_on(int port) {
    const auto found = std::find_if(m_processes.rbegin(), m_processes.rend(),
                                    [&](const auto& process) { return process.port == port; });
    if (found != m_processes.rend() && !found->exit_status) return &*found;
    if (m_processes.size() == k_processes_max) m_processes.pop_front();
    m_processes.emplace_back().port = port;
    return &m_processes.back();
}

void ModelProcesses::note(const LogFact& fact) {
    if (fact.kind == Kind::spawned) {
        auto* process = open_on(fact.port);
        if (!process->model.empty()) { // its end was never reported
            process->exit_status = 1;
            ++m_ends[process->model];
            process = open_on(fact.port);
        }
        process->model = fact.model;
        return;
    }
    if (fact.kind == Kind::exited) {
        const auto found =
            std::find_if(m_processes.begin(), m_processes.end(), [&](const auto& process) {
                return process.model == fact.model && !process.exit_status;
            });
        if (found == m_processes.end()) return;
        found->exit_status = fact.status;
        found->ended_at = fact.at;
        found->killed_for_memory = fact.killed;
        ++m_ends[fact.model];
        return;
    }
    if (fact.kind == Kind::spawn_failed) {
        // The line before this one was about a process that never came to be.
        if (!m_processes.empty() && m_processes.back().last_lines.empty()) m_processes.pop_back();
        return;
    }
    if (!fact.from_model) {
        add(m_router_facts, fact);
        return;
    }
    auto* process = open_on(fact.port);
    if (fact.stamped) process->quoting = fact.quotes;
    // A line without a time that goes on with such a line is a client's text.
    const bool quoted = !fact.stamped && process->quoting;
    if (fact.kind == Kind::loaded) {
        process->loaded = true;
        process->facts.clear(); // it found another way
        process->last_error.clear();
    }
    process->end_asked = process->end_asked || fact.kind == Kind::end_asked;
    process->leaving = process->leaving || fact.kind == Kind::leaving;
    if (!quoted) add(process->facts, fact);
    if (!quoted && tells_of_an_error(fact)) process->last_error = fact.text;
    if (process->last_lines.size() == k_lines_kept) process->last_lines.pop_front();
    process->last_lines.push_back(fact.text);
}

const ModelProcess* ModelProcesses::newest(const std::string& model) const {
    const auto found = std::find_if(m_processes.rbegin(), m_processes.rend(),
                                    [&](const auto& process) { return process.model == model; });
    return found == m_processes.rend() ? nullptr : &*found;
}

const ModelProcess* ModelProcesses::newest_ended(const std::string& model) const {
    const auto found =
        std::find_if(m_processes.rbegin(), m_processes.rend(), [&](const auto& process) {
            return process.model == model && process.exit_status;
        });
    return found == m_processes.rend() ? nullptr : &*found;
}

bool ModelProcesses::has_loaded(int port) const {
    const auto found = std::find_if(m_processes.rbegin(), m_processes.rend(),
                                    [&](const auto& process) { return process.port == port; });
    return found != m_processes.rend() && found->loaded;
}

bool ModelProcesses::is_loading() const {
    return std::any_of(m_processes.begin(), m_processes.end(),
                       [](const auto& process) { return !process.loaded && !process.exit_status; });
}

const ModelProcess* ModelProcesses::leaver() const {
    const auto found =
        std::find_if(m_processes.rbegin(), m_processes.rend(), [](const auto& process) {
            return process.loaded && process.leaving && !process.end_asked && !process.exit_status;
        });
    return found == m_processes.rend() ? nullptr : &*found;
}

std::vector<ModelPort> ModelProcesses::serving() const {
    std::vector<ModelPort> found;
    for (const auto& process : m_processes) {
        const bool serves = process.loaded && !process.leaving && !process.exit_status;
        if (serves) found.push_back({process.model, process.port});
    }
    return found;
}

std::size_t ModelProcesses::ends(const std::string& model) const {
    const auto found = m_ends.find(model);
    return found == m_ends.end() ? 0 : found->second;
}

} // namespace odysseus::server
