// What the user's own llama-server arguments (those after "--") mean for odysseus's decisions. They
// come last in argv, so they win over what odysseus says.
#pragma once

#include "odysseus/memory/kv_cost.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::server {

struct UserArguments {
    std::optional<memory::CacheType> key_type;   // --cache-type-k, -ctk
    std::optional<memory::CacheType> value_type; // --cache-type-v, -ctv
    std::optional<std::size_t> models_max;       // --models-max; 0: any number
    bool changes_buffers = false; // batches, attention or layers are not llama-server's defaults
    std::string foreign_rpc;      // what --rpc names beyond this machine; empty: nothing
    std::optional<std::int64_t> context; // -c, --ctx-size: a pin like --ctx; tokens, above 0
};

[[nodiscard]] UserArguments user_arguments(const std::vector<std::string>& arguments);

// For a start with a context of `tokens`: a context that is asked for among them, and that was
// stepped down from, would win over that.
[[nodiscard]] std::vector<std::string>
arguments_for_context(const std::vector<std::string>& arguments, std::int64_t tokens);

} // namespace odysseus::server
