// How the body of a request is packed (Content-Encoding), and unpacking it within a limit.
#pragma once

#include "odysseus/proxy/http_head.hpp"

#include "byte_buffer.hpp"

#include <memory>
#include <string_view>
#include <variant>

namespace odysseus::proxy {

enum class Coding { none, gzip, deflate, zstd, other };
// Of several lines and words "identity" counts for nothing; more than one other is `other`.
[[nodiscard]] Coding coding_of(const HeaderLines& lines);

enum class InflateFault { broken, too_large, unsupported };
// At most `bytes_max` bytes come of it, whatever the packed body holds. Blocks for as long as that
// takes.
[[nodiscard]] std::variant<std::shared_ptr<ByteBuffer>, InflateFault>
inflated(Coding coding, std::string_view packed, std::size_t bytes_max);

} // namespace odysseus::proxy
