// What odysseus and `odysseus worker` say to each other first, a line each way: who they are, and
// whether one may compute for the other. Builds of llama.cpp must be the same on both, to the tag.
#pragma once

#include "odysseus/server/rpc_text.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace odysseus::proxy {

inline constexpr int k_worker_port = 7443;

// Of the machine that asks.
struct WorkerQuestion {
    std::string build;      // "b11669"
    bool only_look = false; // the session ends with the answer
};
[[nodiscard]] std::string question_line(const WorkerQuestion& question); // with its end
// A string says why it is refused.
[[nodiscard]] std::variant<WorkerQuestion, std::string> question_in(std::string_view line);

struct WorkerOffer {
    std::string build;
    std::string protocol; // of llama.cpp's RPC: "8.0.0"
    std::vector<server::RpcDevice> devices;

    [[nodiscard]] std::int64_t free_mib() const; // of all devices
    [[nodiscard]] std::string text() const;      // "b11669, CPU: 23.5 GiB free"
};
[[nodiscard]] std::string offer_line(const WorkerOffer& offer);
[[nodiscard]] std::string refusal_line(std::string_view why);
// A string says why there is none: the worker's own words, or that it is no worker.
[[nodiscard]] std::variant<WorkerOffer, std::string> offer_in(std::string_view line);

// Why these two cannot work together; empty: they can.
[[nodiscard]] std::string build_trouble(std::string_view here, std::string_view there);

// "HOST", "HOST:PORT" or "[::1]:PORT". Absent: it is none of them.
struct WorkerAddress {
    std::string host;
    int port = k_worker_port;
    [[nodiscard]] std::string text() const; // "box:7443", "[::1]:7443"
};
[[nodiscard]] std::optional<WorkerAddress> worker_address(std::string_view text);

} // namespace odysseus::proxy
