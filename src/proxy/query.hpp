// The query of a request's target: `?model=org%2Frepo&autoload=false`.
#pragma once

#include "rewrite.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace odysseus::proxy {

struct QueryValue {
    std::string text; // decoded; of several the first counts, as for llama-server
    ByteRange range;  // of the encoded value, in the query
};

// `query` without the question mark. Absent: there is no such parameter.
[[nodiscard]] std::optional<QueryValue> query_value(std::string_view query, std::string_view name);

} // namespace odysseus::proxy
