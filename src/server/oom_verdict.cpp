#include "odysseus/server/oom_verdict.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <type_traits>

namespace odysseus::server {
namespace {

using Kind = LogFact::Kind;
using Moment = std::chrono::steady_clock::time_point;

constexpr int k_server_error = 500;
constexpr int k_not_implemented = 501; // a model that cannot do this at all

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

// The documented word that the answer holds.
std::optional<std::string_view> word_in_body(int status, std::string_view body,
                                             std::string_view model) {
    if (status < k_server_error) return std::nullopt;
    const auto text = without_echo(without_name(lowered(body), lowered(model)));
    const auto found = std::find_if(k_words.begin(), k_words.end(),
                                    [&](std::string_view word) { return has(text, word); });
    return found == k_words.end() ? std::nullopt : std::optional(*found);
}

// What a living process had said before the request, it survived. One that has not loaded yet has
// said all it said about this load.
bool counts(const LogFact& fact, const ModelProcess& process, Moment since) {
    return fact.kind == Kind::memory && (!process.loaded || fact.at >= since);
}

// The largest refusal says most about the rung that can hold; any refusal is evidence.
std::optional<OutOfMemory> memory_in_log(const ModelProcess& process, Moment since) {
    const LogFact* best = nullptr;
    std::string device;
    for (const auto& fact : process.facts) {
        if (!counts(fact, process, since)) continue;
        if (best == nullptr || fact.bytes.value_or(0) > best->bytes.value_or(0)) best = &fact;
        if (device.empty()) device = fact.device;
    }
    if (best == nullptr) return std::nullopt;
    return OutOfMemory{best->text, best->bytes, best->device.empty() ? device : best->device};
}

const LogFact* first_of(const ModelProcess& process, Kind kind) {
    const auto found = std::find_if(process.facts.begin(), process.facts.end(),
                                    [&](const auto& fact) { return fact.kind == kind; });
    return found == process.facts.end() ? nullptr : &*found;
}

std::string without_code(const std::string& line) {
    return concat("this llama.cpp build has no code for the GPU or its driver (", line,
                  "); use --device vulkan, or an older release (--release TAG), or update the "
                  "GPU's driver");
}

OomVerdict judge_dead(const ModelProcess& process, const Symptoms& symptoms) {
    if (auto found = memory_in_log(process, symptoms.since)) return *found;
    if (const auto* fact = first_of(process, Kind::remote_lost))
        return OtherCause{fact->text, true, false, true};
    if (const auto* fact = first_of(process, Kind::no_code)) {
        return OtherCause{without_code(fact->text), process.loaded, true};
    }
    // The next process may find the device again.
    if (const auto* fact = first_of(process, Kind::device_lost)) {
        return OtherCause{fact->text, true};
    }
    const auto* no_free_memory = first_of(process, Kind::no_free_memory);
    if (no_free_memory != nullptr && !process.loaded) return NoFreeMemory{no_free_memory->text};
    if (const auto* fact = first_of(process, Kind::not_memory)) return OtherCause{fact->text};
    if (symptoms.killed_for_memory) {
        return OutOfMemory{"the kernel killed a process because memory ran out", std::nullopt,
                           "CPU"};
    }
    const bool ended_now = process.exit_status.value_or(0) != 0 &&
                           (process.ended_at >= symptoms.since || !process.loaded);
    const auto word = word_in_body(symptoms.status, symptoms.body, symptoms.model);
    if (word && ended_now) {
        return OutOfMemory{concat("llama-server answered \"", *word, "\", and its process ended"),
                           std::nullopt, ""};
    }
    if (const auto* fact = first_of(process, Kind::strained)) return Suspicion{fact->text};
    if (const auto* fact = first_of(process, Kind::load_failed)) {
        return OtherCause{fact->text, process.loaded};
    }
    const auto& last = process.last_error;
    if (process.loaded) {
        return OtherCause{last.empty() ? "the model's process ended without a reason" : last, true};
    }
    return Suspicion{last.empty() ? "the model's process ended while loading, without a reason: "
                                    "did a program such as earlyoom end it?"
                                  : last};
}

// What llama-server says: the message of its error, or a body that is no JSON. Whether an answer is
// one of the router's own is told by how the message begins and ends, never by what it holds.
std::string message_of(std::string_view body) {
    const auto json = nlohmann::json::parse(body, nullptr, false);
    if (json.is_discarded()) return std::string(body);
    if (!json.is_object() || !json.contains("error")) return {};
    const auto& error = json["error"];
    if (error.is_string()) return error.get<std::string>();
    if (!error.is_object() || !error.contains("message") || !error["message"].is_string())
        return {};
    return error["message"].get<std::string>();
}

} // namespace

bool speaks_of_memory(int status, std::string_view body, std::string_view model) {
    return word_in_body(status, body, model).has_value();
}

bool was_refused_memory(const ModelProcess& process, Moment since) {
    return memory_in_log(process, since).has_value();
}

bool has_lost_device(const ModelProcess& process) {
    return first_of(process, Kind::device_lost) != nullptr;
}

bool is_compute_failure(int status, std::string_view body) {
    return status >= k_server_error && message_of(body).starts_with("Compute error");
}

std::string load_failure_text(const std::string& reason) {
    const auto says = [&](std::string_view words) {
        return reason.find(words) != std::string::npos;
    };
    if (says("invalid magic") || says("failed to read magic"))
        return concat("its file is no GGUF file, download it again (", reason, ")");
    if (says("is not within the file bounds") || says("unexpectedly reached end of file"))
        return concat("its file is cut off, download it again (", reason, ")");
    return reason;
}

std::string reason_of(const OomVerdict& verdict) {
    constexpr std::size_t k_bytes_max = 400;
    auto reason = std::visit(
        [](const auto& one) {
            if constexpr (std::is_same_v<std::decay_t<decltype(one)>, OutOfMemory>) {
                return one.evidence;
            } else {
                return one.reason;
            }
        },
        verdict);
    if (reason.size() <= k_bytes_max) return reason;
    reason.resize(k_bytes_max);
    // No half of a character.
    while (!reason.empty() && (static_cast<unsigned char>(reason.back()) & 0xC0) == 0x80)
        reason.pop_back();
    if (!reason.empty() && static_cast<unsigned char>(reason.back()) >= 0xC0) reason.pop_back();
    return reason + " ...";
}

bool is_load_failure(int status, std::string_view body) {
    if (status < k_server_error) return false;
    const auto message = message_of(body);
    return message.starts_with("model name=") && message.ends_with(" failed to load");
}

bool is_broken_connection(int status, std::string_view body) {
    return status == 0 ||
           (status >= k_server_error && message_of(body).starts_with("proxy error: "));
}

bool is_refused_connection(int status, std::string_view body) {
    return status >= k_server_error &&
           message_of(body).starts_with("proxy error: Could not establish connection");
}

bool is_retryable_race(int status, std::string_view body) {
    if (status < k_server_error) return false;
    const auto message = message_of(body);
    return message.starts_with("model limit reached") ||
           message.starts_with("request cancelled while waiting");
}

OomVerdict judge(const Symptoms& symptoms) {
    const auto* process = symptoms.process;
    if (process == nullptr) return OtherCause{"no process of this model has said anything"};
    if (process->exit_status.value_or(0) != 0) return judge_dead(*process, symptoms);
    // Alive, and failing: a GPU that ran out after the load (Metal keeps the process).
    if (symptoms.status >= k_server_error && symptoms.status != k_not_implemented) {
        if (auto found = memory_in_log(*process, symptoms.since)) return *found;
        if (const auto* fact = first_of(*process, Kind::device_lost)) {
            return DeviceLost{fact->text};
        }
    }
    if (is_load_failure(symptoms.status, symptoms.body)) return judge_dead(*process, symptoms);
    return OtherCause{"nothing in its log speaks of memory"};
}

} // namespace odysseus::server
