#include "readiness.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/system/ports.hpp"

#include <nlohmann/json.hpp>

namespace odysseus::server {

Readiness check_readiness(const LlamaAddress& address, std::int64_t pid) {
    const auto health = llama_get(address, "/health", k_check_limit / 3);
    if (health.status == 0) return NotYet{concat("/health: ", health.body)};
    if (!system::listens_on(pid, address.port).value_or(true)) {
        return Foreign{concat("port ", address.port, " is served by another program")};
    }
    if (health.status != 200) return NotYet{concat("/health answers ", health.status)};
    const auto props = llama_get(address, "/props", k_check_limit / 3);
    if (props.status != 200) return NotYet{concat("/props answers ", props.status)};
    const auto json = nlohmann::json::parse(props.body, nullptr, false);
    const auto text = [&](const char* key) {
        const bool there = json.is_object() && json.contains(key) && json[key].is_string();
        return there ? json[key].get<std::string>() : std::string();
    };
    if (text("role") != "router") {
        return WrongRole{
            "llama-server runs, but not in router mode (/props has no role \"router\")"};
    }
    return Ready{text("build_info")};
}

} // namespace odysseus::server
