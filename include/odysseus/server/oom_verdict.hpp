// Was it memory? Judged by evidence: what the model's process said since the request began, how it
// ended, and what the kernel killed. An answer may quote the request, so its words are a suspicion
// and never evidence by themselves (docs/supervision.md).
#pragma once

#include "odysseus/server/model_processes.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace odysseus::server {

struct OutOfMemory {
    std::string evidence;              // the line, or the words of the answer
    std::optional<std::int64_t> bytes; // the largest allocation that was refused
    std::string device;                // empty: not said
};
struct OtherCause {
    std::string reason;
    bool crash = false;   // it can be loaded again as it was
    bool lasting = false; // asking again cannot help
    bool remote = false;  // another machine, over llama.cpp's RPC, was lost
};
// Nothing of the device's memory is free: the model that was there before may still be going.
struct NoFreeMemory {
    std::string reason;
};
// The GPU is lost for a process that lives: it fails every request from now on.
struct DeviceLost {
    std::string reason;
};
// It died while loading without a word: one lower rung is tried, once.
struct Suspicion {
    std::string reason;
};
using OomVerdict = std::variant<OutOfMemory, OtherCause, Suspicion, NoFreeMemory, DeviceLost>;

struct Symptoms {
    int status = 0; // of the HTTP answer; 0: the connection broke
    std::string_view body;
    std::string_view model;                // its name is echoed in answers and is no evidence
    const ModelProcess* process = nullptr; // the model's newest; nullptr: none known
    bool killed_for_memory = false;        // by the kernel, as its count of such kills tells
    // When the request was sent: what a loaded process had said before, it survived.
    std::chrono::steady_clock::time_point since{};
};

[[nodiscard]] OomVerdict judge(const Symptoms& symptoms);

// llama.cpp's reason for a load that failed, with the remedy where the file is what is wrong.
[[nodiscard]] std::string load_failure_text(const std::string& reason);

// Whether the answer holds one of the documented words, the model's own name left out.
[[nodiscard]] bool speaks_of_memory(int status, std::string_view body, std::string_view model);
// Whether an allocation was refused to this process since then; while it loads, since its start.
[[nodiscard]] bool was_refused_memory(const ModelProcess& process,
                                      std::chrono::steady_clock::time_point since);
// Whether the device was lost for this process, at any time since it was started.
[[nodiscard]] bool has_lost_device(const ModelProcess& process);
// Whether the answer says that a computation failed, whatever the reason.
[[nodiscard]] bool is_compute_failure(int status, std::string_view body);
// The reason of any verdict, for people; at most a few hundred bytes.
[[nodiscard]] std::string reason_of(const OomVerdict& verdict);
// Whether the answer says that a model failed to load, whatever the reason.
[[nodiscard]] bool is_load_failure(int status, std::string_view body);
// Whether the answer says that the model's process, or the connection to it, broke.
[[nodiscard]] bool is_broken_connection(int status, std::string_view body);
// Whether the router found nobody at the model's port ("Could not establish connection").
[[nodiscard]] bool is_refused_connection(int status, std::string_view body);
// "model limit reached, try again later": the router's own race; asking again helps.
[[nodiscard]] bool is_retryable_race(int status, std::string_view body);

} // namespace odysseus::server
