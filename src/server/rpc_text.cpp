#include "odysseus/server/rpc_text.hpp"

#include "line_text.hpp"
#include "odysseus/base/text.hpp"

#include <optional>

namespace odysseus::server {
namespace {

// "  CUDA0: NVIDIA GeForce RTX 4090 (24564 MiB, 23000 MiB free)"
std::optional<RpcDevice> device_in(std::string_view line) {
    constexpr std::string_view k_end = " MiB free)";
    const auto colon = line.find(": ");
    const auto open = line.rfind(" (");
    if (!line.starts_with("  ") || colon == std::string_view::npos ||
        open == std::string_view::npos || open < colon || !line.ends_with(k_end))
        return std::nullopt;
    auto sizes = line.substr(open + 2);
    sizes.remove_suffix(k_end.size());
    constexpr std::string_view k_between = " MiB, ";
    const auto between = sizes.find(k_between);
    if (between == std::string_view::npos) return std::nullopt;
    const auto total = parsed_int(sizes.substr(0, between));
    const auto free = parsed_int(sizes.substr(between + k_between.size()));
    if (!total || !free) return std::nullopt;
    const auto from = colon + 2;
    return RpcDevice{std::string(line.substr(2, colon - 2)),
                     std::string(from < open ? line.substr(from, open - from) : ""), *total, *free};
}

} // namespace

RpcFacts rpc_facts(std::string_view said) {
    RpcFacts facts;
    for (const auto line : lines_of(said)) {
        if (const auto version = after(line, "Starting RPC server v")) {
            facts.protocol = std::string(trimmed(*version));
        } else if (auto device = device_in(line)) {
            facts.devices.push_back(std::move(*device));
        }
    }
    facts.begins = !facts.protocol.empty() && !facts.devices.empty();
    return facts;
}

} // namespace odysseus::server
