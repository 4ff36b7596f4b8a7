// What a person at the terminal is told: what goes wrong once, and its end.
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/server/oom_verdict.hpp"
#include "supervisor_core.hpp"

#include <utility>

namespace odysseus::server {
namespace {

constexpr std::size_t k_errors_shown = 5;

// Libraries and abort() write without a level.
bool tells_of_an_error(const LogFact& fact) {
    if (fact.level != 0) return fact.level == 'E';
    const auto has = [&](std::string_view words) {
        return fact.text.find(words) != std::string::npos;
    };
    return !has("warn") && (has("rror") || has("ssert") || has("fault") ||
                            has("terminate called") || has("what():"));
}

// The errors among the lines of one run.
std::string errors_of(const std::vector<std::string>& lines) {
    std::vector<std::string> errors;
    for (const auto& line : lines) {
        if (tells_of_an_error(classify(line))) errors.push_back(line);
    }
    if (errors.empty()) return "";
    const auto shown = std::min(errors.size(), k_errors_shown);
    errors.erase(errors.begin(), errors.end() - static_cast<std::ptrdiff_t>(shown));
    return concat(". Its last errors:\n  ", joined(errors, "\n  "));
}

} // namespace

void Supervisor::Core::notice(const std::string& sentence) const {
    if (m_spec.notice) {
        m_spec.notice(sentence);
    } else {
        log::info(sentence);
    }
}

void Supervisor::Core::tell_end(std::string_view what) {
    const auto errors = errors_of(m_log.tail(m_lines_before).lines);
    const auto sentence =
        concat("llama-server ", what, ": ", m_end_reason, "; starting it again", errors);
    const auto tell = std::exchange(m_end_told, true) ? log::debug : log::warn;
    tell(sentence, {});
}

void Supervisor::Core::tell_failing(std::chrono::seconds retry_in) {
    const auto sentence =
        concat("llama-server keeps failing (", m_end_reason, "); it is tried again every ",
               retry_in.count(), " s until it runs");
    const auto tell = std::exchange(m_failing_told, true) ? log::debug : log::error;
    tell(sentence, {});
}

// One that kept failing has to serve for a while before it is believed.
void Supervisor::Core::tell_running_again(bool for_a_while) {
    if (!m_end_told || (m_failing_told && !for_a_while)) return;
    m_end_told = m_failing_told = false;
    log::warn("llama-server is running again");
}

// Of one that had loaded. A memory failure or a lost GPU is told by what is done about it.
void Supervisor::Core::tell_model_end(const ModelProcess& process) {
    if (was_refused_memory(process, {}) || process.killed_for_memory || has_lost_device(process))
        return;
    const auto& why = process.last_error;
    const auto sentence =
        concat("the process of model '", process.model, "' ended unexpectedly",
               why.empty() ? std::string() : concat(": ", why),
               "; the next request loads it again (logs/llama-server.log has its last lines)");
    const auto tell = m_ends_told.insert(process.model).second ? log::warn : log::debug;
    tell(sentence, {});
}

void Supervisor::Core::tell_model_again(const LogFact& loaded) {
    for (const auto& serving : m_processes.serving()) {
        if (serving.port == loaded.port && m_ends_told.erase(serving.model) > 0)
            log::warn(concat("model '", serving.model, "' is running again"));
    }
}

} // namespace odysseus::server
