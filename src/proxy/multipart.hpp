// The `model` field of a multipart/form-data body (audio transcriptions carry the name there).
#pragma once

#include "rewrite.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace odysseus::proxy {

// The boundary of a Content-Type such as `multipart/form-data; boundary="x y"`; absent when it is
// another type, or when the boundary is missing or longer than the 70 characters of RFC 2046.
[[nodiscard]] std::optional<std::string> multipart_boundary(std::string_view content_type);

// The bytes of the last part that is named `model` and is no file.
[[nodiscard]] std::optional<ByteRange> multipart_model(std::string_view body,
                                                       std::string_view boundary);

// The edit that gives a form without such a part one; absent: it is no form of that boundary.
[[nodiscard]] std::optional<ByteEdit>
multipart_insertion(std::string_view body, std::string_view boundary, std::string_view id);

} // namespace odysseus::proxy
