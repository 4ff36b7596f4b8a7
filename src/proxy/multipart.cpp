#include "multipart.hpp"

#include "odysseus/base/text.hpp"

#include <utility>

namespace odysseus::proxy {
namespace {

constexpr std::size_t k_boundary_bytes_max = 70; // RFC 2046, section 5.1.1
constexpr std::size_t k_part_head_bytes_max = std::size_t{8} * 1024;
constexpr std::size_t k_parts_max = 1024;

// Takes one parameter (`; name=value` or `; name="value"`) off the front of `rest`.
std::optional<std::pair<std::string, std::string>> next_parameter(std::string_view& rest) {
    rest = trimmed(rest);
    if (rest.substr(0, 1) != ";") return std::nullopt;
    rest = trimmed(rest.substr(1));
    const auto equals = rest.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    auto name = lowered(trimmed(rest.substr(0, equals)));
    rest = trimmed(rest.substr(equals + 1));
    std::string value;
    if (rest.substr(0, 1) != "\"") {
        const auto end = std::min(rest.find(';'), rest.size());
        value = trimmed(rest.substr(0, end));
        rest = rest.substr(end);
        return std::pair{std::move(name), std::move(value)};
    }
    std::size_t at = 1;
    while (at < rest.size() && rest[at] != '"') {
        if (rest[at] == '\\' && at + 1 < rest.size()) ++at;
        value += rest[at++];
    }
    if (at >= rest.size()) return std::nullopt;
    rest = rest.substr(at + 1);
    return std::pair{std::move(name), std::move(value)};
}

// Whether the lines of a part's head name a plain field called `model`.
bool is_model_field(std::string_view head) {
    for (const auto line : lines_of(head)) {
        const auto colon = line.find(':');
        if (colon == std::string_view::npos ||
            lowered(trimmed(line.substr(0, colon))) != "content-disposition")
            continue;
        auto rest = trimmed(line.substr(colon + 1));
        const auto kind_end = std::min(rest.find(';'), rest.size());
        if (lowered(trimmed(rest.substr(0, kind_end))) != "form-data") return false;
        rest = rest.substr(kind_end);
        bool named = false;
        while (const auto parameter = next_parameter(rest)) {
            if (parameter->first == "filename" || parameter->first == "filename*") return false;
            if (parameter->first == "name") named = parameter->second == "model";
        }
        return named;
    }
    return false;
}

// Behind the first delimiter.
std::optional<std::size_t> first_part(std::string_view body, std::string_view boundary) {
    const auto at_once = concat("--", boundary);
    if (body.substr(0, at_once.size()) == at_once) return at_once.size();
    const auto delimiter = concat("\r\n--", boundary);
    const auto at = body.find(delimiter);
    if (at == std::string_view::npos) return std::nullopt;
    return at + delimiter.size();
}

} // namespace

std::optional<std::string> multipart_boundary(std::string_view content_type) {
    const auto type_end = std::min(content_type.find(';'), content_type.size());
    if (lowered(trimmed(content_type.substr(0, type_end))) != "multipart/form-data")
        return std::nullopt;
    auto rest = content_type.substr(type_end);
    while (const auto parameter = next_parameter(rest)) {
        if (parameter->first != "boundary") continue;
        if (parameter->second.empty() || parameter->second.size() > k_boundary_bytes_max)
            return std::nullopt;
        return parameter->second;
    }
    return std::nullopt;
}

std::optional<ByteRange> multipart_model(std::string_view body, std::string_view boundary) {
    const auto delimiter = concat("\r\n--", boundary);
    const auto first = first_part(body, boundary);
    if (!first) return std::nullopt;
    auto at = *first;
    std::optional<ByteRange> found;
    for (std::size_t parts = 0; parts < k_parts_max; ++parts) {
        if (body.substr(at, 2) != "\r\n") break; // "--": the end
        const auto head_end = body.substr(at, k_part_head_bytes_max).find("\r\n\r\n");
        if (head_end == std::string_view::npos) break;
        const auto content = at + head_end + 4;
        // The line end before the delimiter may be the one that ends an empty head.
        const auto end = body.find(delimiter, content - 2);
        if (end == std::string_view::npos) break;
        if (end >= content && is_model_field(body.substr(at + 2, head_end)))
            found = ByteRange{content, end};
        at = end + delimiter.size();
    }
    return found;
}

std::optional<ByteEdit> multipart_insertion(std::string_view body, std::string_view boundary,
                                            std::string_view id) {
    const auto at = first_part(body, boundary);
    if (!at || body.substr(*at, 2) != "\r\n") return std::nullopt;
    return ByteEdit{{*at, *at},
                    concat("\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n", id,
                           "\r\n--", boundary)};
}

} // namespace odysseus::proxy
