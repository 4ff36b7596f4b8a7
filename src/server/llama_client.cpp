#include "odysseus/server/llama_client.hpp"

#include <httplib.h>
#include <nlohmann/json.hpp>

namespace odysseus::server {
namespace {

constexpr std::chrono::milliseconds k_connect_limit{2000};

httplib::Client client_for(const LlamaAddress& address, std::chrono::milliseconds limit) {
    httplib::Client client("127.0.0.1", address.port);
    client.set_connection_timeout(std::min(limit, k_connect_limit));
    client.set_read_timeout(limit);
    client.set_write_timeout(limit);
    client.set_keep_alive(false);
    client.set_tcp_nodelay(true);
    if (!address.api_key.empty()) client.set_bearer_token_auth(address.api_key);
    return client;
}

LlamaAnswer answer_of(const httplib::Result& result) {
    if (!result) return {0, httplib::to_string(result.error())};
    return {result->status, result->body.substr(0, k_answer_bytes_max)};
}

} // namespace

LlamaAnswer llama_get(const LlamaAddress& address, const std::string& path,
                      std::chrono::milliseconds limit) {
    auto client = client_for(address, limit);
    return answer_of(client.Get(path));
}

LlamaAnswer llama_post(const LlamaAddress& address, const std::string& path,
                       const std::string& json, std::chrono::milliseconds limit) {
    auto client = client_for(address, limit);
    return answer_of(client.Post(path, json, "application/json"));
}

LlamaAnswer prove_model(const LlamaAddress& address, const std::string& model,
                        std::chrono::milliseconds limit) {
    const nlohmann::json request = {
        {"model", model}, {"prompt", "a"}, {"max_tokens", 1}, {"cache_prompt", false}};
    return llama_post(address, "/v1/completions",
                      request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                      limit);
}

} // namespace odysseus::server
