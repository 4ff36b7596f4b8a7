// The peers' models in the list of models.
#pragma once

#include "peer_routes.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::proxy {

// `answer`: the body of GET /v1/models with this machine's own models.
[[nodiscard]] std::string with_peer_models(std::string_view answer,
                                           const std::vector<RoutePeer>& peers);
// The entry of that name (case ignored) in such a list; absent: there is none.
[[nodiscard]] std::optional<std::string> listed_entry(std::string_view answer,
                                                      std::string_view name);

} // namespace odysseus::proxy
