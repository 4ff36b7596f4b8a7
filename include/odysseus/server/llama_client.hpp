// The few questions that odysseus itself asks llama-server, on the loopback. No call throws; the
// limits are for the whole of connecting, and for every wait in between.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace odysseus::server {

struct LlamaAddress {
    int port = 0;
    std::string api_key; // empty: none
};

struct LlamaAnswer {
    int status = 0;   // 0: no answer; then body says why
    std::string body; // at most k_answer_bytes_max
};
inline constexpr std::size_t k_answer_bytes_max = std::size_t{1024} * 1024;

[[nodiscard]] LlamaAnswer llama_get(const LlamaAddress& address, const std::string& path,
                                    std::chrono::milliseconds limit);
[[nodiscard]] LlamaAnswer llama_post(const LlamaAddress& address, const std::string& path,
                                     const std::string& json, std::chrono::milliseconds limit);

// Makes the router load `model` and the model say one token: only then is it known to hold. Blocks
// as long as the load takes, `limit` at most.
[[nodiscard]] LlamaAnswer prove_model(const LlamaAddress& address, const std::string& model,
                                      std::chrono::milliseconds limit);

} // namespace odysseus::server
