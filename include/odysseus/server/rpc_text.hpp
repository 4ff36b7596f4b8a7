// What llama.cpp's RPC server (ggml-rpc-server, rpc-server before b10150) says when it starts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::server {

struct RpcDevice {
    std::string name; // "CPU", "CUDA0"
    std::string description;
    std::int64_t total_mib = 0;
    std::int64_t free_mib = 0;

    bool operator==(const RpcDevice&) const = default;
};

struct RpcFacts {
    std::string protocol; // "8.0.0"
    std::vector<RpcDevice> devices;
    bool begins = false; // all of it was said; the port is taken next
};
// Lines that are not known are passed over.
[[nodiscard]] RpcFacts rpc_facts(std::string_view said);

} // namespace odysseus::server
