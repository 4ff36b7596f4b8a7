// GET /odysseus/status, as a value and as JSON (docs/manual.md, "Endpoints").
#pragma once

#include "odysseus/commands/plan_report.hpp"
#include "odysseus/proxy/peer_view.hpp"
#include "odysseus/server/token_meter.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace odysseus::commands {

struct StatusReport {
    std::string state;  // starting, ready, restarting, stopping or failed
    std::string reason; // why it is not ready; empty: nothing to say
    std::uint64_t generation = 0;
    std::int64_t uptime_s = 0;
    std::int64_t context_tokens = 0; // now
    std::int64_t start_tokens = 0;   // of the first start; 0: the plan's
    std::string model;               // asked for last; empty: none yet
    std::int64_t llama_pid = 0;      // 0: none
    int llama_port = 0;
    std::uint64_t restarts = 0;
    std::uint64_t oom_steps = 0;
    std::string gpu_unused; // why; empty: it is used, or none was asked for
    std::uint64_t requests_total = 0;
    std::uint64_t requests_active = 0;
    std::uint64_t requests_replayed = 0;
    bool idle_unloaded = false; // no model is loaded, because nobody asked for some time
    server::TokenCount tokens;
    std::vector<proxy::PeerStatus> peers;
};

// GET /odysseus/log: {"next", "lines"}. A line that is no UTF-8 is made so.
[[nodiscard]] std::string log_json(std::uint64_t next, const std::vector<std::string>& lines);

// For GET /metrics; empty without a worker.
[[nodiscard]] std::string worker_metrics(const std::optional<proxy::WorkerView>& worker);

[[nodiscard]] std::string status_json(const StatusReport& report, const Plan& plan);

} // namespace odysseus::commands
