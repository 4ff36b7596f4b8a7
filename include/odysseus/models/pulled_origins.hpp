// Which repository the files came from that odysseus itself fetched: data/pulled.json. A file is
// known by its name and size, so that it may be moved within the models folder and with it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace odysseus::models {

using PulledFile = std::pair<std::string, std::int64_t>; // name, size in bytes
using PulledOrigins = std::map<PulledFile, std::string>; // "org/repo"

// What is not understood is left out.
[[nodiscard]] PulledOrigins pulled_origins_from(std::string_view json);
[[nodiscard]] std::string pulled_origins_text(const PulledOrigins& origins);

} // namespace odysseus::models
