// What a line about a refused allocation tells beside that.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace odysseus::server {

[[nodiscard]] std::optional<std::int64_t> refused_bytes(std::string_view text);
// "CPU", "CUDA0", "Vulkan"; empty: not said.
[[nodiscard]] std::string refusing_device(std::string_view text);

} // namespace odysseus::server
