// What the mailbox of the supervisor's owner thread carries.
#pragma once

#include "odysseus/server/llama_client.hpp"
#include "odysseus/server/llama_control.hpp"
#include "odysseus/server/log_line.hpp"
#include "odysseus/system/child.hpp"
#include "readiness.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace odysseus::server {

// One reported failure, from its arrival to its verdict.
struct Report {
    Failure failure;
    std::chrono::steady_clock::time_point decide_by;
    std::chrono::steady_clock::time_point settle_at; // not before: lines come by another way
    bool refused = false; // by a process that had loaded, and whose end nobody has seen
    std::mutex mutex;
    std::condition_variable settled;
    std::optional<Verdict> verdict; // by mutex
};
using ReportPointer = std::shared_ptr<Report>;

struct Lines {
    std::uint64_t generation = 0;
    std::vector<LogFact> facts;
};
struct Ended {
    std::uint64_t generation = 0;
    system::ExitStatus status;
};
struct AllGone {
    std::uint64_t generation = 0;
};
struct Checked {
    std::uint64_t generation = 0;
    Readiness readiness;
};
struct Proved {
    std::uint64_t errand = 0;
    LlamaAnswer answer;
};
struct MemoryLooked { // whether the device has free memory again
    std::uint64_t errand = 0;
    bool free = true;
};
struct Examined { // a health question to the router and to the models that are loaded
    std::uint64_t generation = 0;
    std::string silent; // who did not answer; empty: all did
    std::optional<std::int64_t> cpu_ms;
};
struct Reported {
    ReportPointer file;
};
struct SwitchAsked { // a model whose turn it is needs another start
    std::uint64_t generation = 0;
    std::string model;
};
struct SetupsChanged { // ModelSetups says something else of these models
    std::vector<std::string> models;
    std::string why;
};
struct StopAsked {
    std::chrono::milliseconds grace{0};
};
using Message = std::variant<Lines, Ended, AllGone, Checked, Proved, MemoryLooked, Examined,
                             Reported, SwitchAsked, SetupsChanged, StopAsked>;

} // namespace odysseus::server
