#include "odysseus/logic/oom_verdict.hpp"

#include "odysseus/logic/text.hpp"

#include <algorithm>
#include <array>

namespace odysseus {
namespace {

using Kind = LogFact::Kind;

constexpr int k_server_error = 500;

// The specification's five, lower case.
constexpr std::array<std::string_view, 5> k_words = {"out of memory", "cuda", "failed to allocate",
                                                     "failed to create context",
                                                     "failed to initialize the context"};

bool has(std::string_view text, std::string_view word) {
    return text.find(word) != std::string_view::npos;
}

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

// The answer without the name of the model, which users choose. Only where it stands by itself: a
// model called "m" is no reason to take "memory" apart.
std::string without_name(std::string text, const std::string& name) {
    if (name.empty()) return text;
    for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
        const auto end = at + name.size();
        const bool begins = at == 0 || !is_name_character(text[at - 1]);
        const bool ends = end == text.size() || !is_name_character(text[end]);
        if (begins && ends) text.replace(at, name.size(), "*");
    }
    return text;
}

// Whatever stands between "name=" and the words that the router puts behind a name.
std::string without_echo(std::string text) {
    const auto at = text.find("name=");
    if (at == std::string::npos) return text;
    for (const std::string_view behind : {" failed to load", " is not found", " is not running"}) {
        const auto end = text.rfind(behind);
        if (end != std::string::npos && end > at) {
            return text.substr(0, at + 5) + text.substr(end);
        }
    }
    return text;
}

std::optional<OutOfMemory> memory_in_body(const Symptoms& symptoms) {
    if (symptoms.status < k_server_error) return std::nullopt;
    const auto text = without_echo(without_name(lowered(symptoms.body), lowered(symptoms.model)));
    for (const auto word : k_words) {
        if (has(text, word)) {
            return OutOfMemory{cat("llama-server answered \"", word, "\""), std::nullopt, ""};
        }
    }
    return std::nullopt;
}

// The largest refusal says most about the rung that can hold; any refusal is evidence.
std::optional<OutOfMemory> memory_in_log(const ModelProcess& process) {
    const LogFact* best = nullptr;
    for (const auto& fact : process.facts) {
        if (fact.kind != Kind::memory) continue;
        if (best == nullptr || fact.bytes.value_or(0) > best->bytes.value_or(0)) best = &fact;
    }
    if (best == nullptr) return std::nullopt;
    OutOfMemory found{best->text, best->bytes, best->device};
    for (const auto& fact : process.facts) {
        if (found.device.empty() && fact.kind == Kind::memory) found.device = fact.device;
    }
    return found;
}

const LogFact* first_of(const ModelProcess& process, Kind kind) {
    const auto found = std::find_if(process.facts.begin(), process.facts.end(),
                                    [&](const auto& fact) { return fact.kind == kind; });
    return found == process.facts.end() ? nullptr : &*found;
}

OomVerdict judge_dead(const ModelProcess& process, bool killed_for_memory) {
    if (auto found = memory_in_log(process)) return *found;
    if (killed_for_memory) {
        return OutOfMemory{"the kernel killed a process for want of memory", std::nullopt, ""};
    }
    if (const auto* fact = first_of(process, Kind::not_memory)) return OtherCause{fact->text};
    if (const auto* fact = first_of(process, Kind::strained)) return Suspicion{fact->text};
    if (const auto* fact = first_of(process, Kind::load_failed)) {
        return OtherCause{fact->text, process.loaded};
    }
    if (process.loaded) return OtherCause{"the model's process ended without a reason", true};
    return Suspicion{"the model's process ended while loading, without a reason"};
}

} // namespace

bool is_load_failure(int status, std::string_view body) {
    return status >= k_server_error && has(body, "failed to load");
}

bool is_broken_connection(int status, std::string_view body) {
    return status == 0 || (status >= k_server_error && has(body, "proxy error"));
}

bool is_refused_connection(int status, std::string_view body) {
    return is_broken_connection(status, body) && has(body, "Could not establish connection");
}

bool is_retryable_race(int status, std::string_view body) {
    return status >= k_server_error &&
           (has(body, "model limit reached") || has(body, "request cancelled while waiting"));
}

OomVerdict judge(const Symptoms& symptoms) {
    if (auto found = memory_in_body(symptoms)) return *found;
    const auto* process = symptoms.process;
    if (process == nullptr) return OtherCause{"no process of this model has said anything"};
    if (process->exit_status.value_or(0) != 0) {
        return judge_dead(*process, symptoms.killed_for_memory);
    }
    // Alive, and failing: a GPU that ran out after the load (Metal keeps the process).
    if (symptoms.status >= k_server_error) {
        if (auto found = memory_in_log(*process)) return *found;
    }
    if (is_load_failure(symptoms.status, symptoms.body)) {
        return judge_dead(*process, symptoms.killed_for_memory);
    }
    return OtherCause{"nothing in its log speaks of memory"};
}

} // namespace odysseus
