// The worker (--worker) as status, plan and doctor tell of it.
#pragma once

#include "odysseus/proxy/worker_hello.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace odysseus::proxy {

struct WorkerView {
    std::string name = {};                              // "box:7443"
    std::optional<WorkerOffer> offer = std::nullopt;    // absent: it is not there
    std::string trouble = "it was not asked yet";       // why not, as a part of a sentence
    std::optional<double> round_trip_ms = std::nullopt; // of connecting
    std::uint64_t losses = 0;                           // sessions that broke
    int port = 0;                                       // of 127.0.0.1
};

} // namespace odysseus::proxy
