#include "query.hpp"

#include "odysseus/download/url.hpp"

#include <algorithm>

namespace odysseus::proxy {

std::optional<QueryValue> query_value(std::string_view query, std::string_view name) {
    for (std::size_t at = 0; at <= query.size();) {
        const auto end = std::min(query.find('&', at), query.size());
        const auto pair = query.substr(at, end - at);
        const auto equals = std::min(pair.find('='), pair.size());
        if (download::percent_decoded(pair.substr(0, equals), true) == name) {
            const auto begin = std::min(at + equals + 1, end);
            if (auto text = download::percent_decoded(query.substr(begin, end - begin), true))
                return QueryValue{std::move(*text), {begin, end}};
        }
        at = end + 1;
    }
    return std::nullopt;
}

} // namespace odysseus::proxy
