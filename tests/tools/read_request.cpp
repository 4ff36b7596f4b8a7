// What odysseus's parser makes of requests, for comparison with other parsers. On stdin, for each:
// its length as four bytes, the lowest first, and its bytes. On stdout a line of JSON for each:
// {"refused": why}, {"more": true} when it is not whole, or {"method", "target", "headers":
// [[lower-case name, value]], "body", "rest"}: texts as Latin-1, `rest` the number of bytes behind
// it.
#include "odysseus/base/text.hpp"
#include "odysseus/proxy/http_head.hpp"

#include <array>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

using namespace odysseus;
using nlohmann::json;

namespace {

std::string latin_1(std::string_view bytes) {
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            text += c;
        } else {
            text += static_cast<char>(0xc0 | (byte >> 6));
            text += static_cast<char>(0x80 | (byte & 0x3f));
        }
    }
    return text;
}

json body_of(const proxy::RequestHead& head, std::string_view& bytes) {
    if (head.framing == proxy::Framing::length) {
        if (bytes.size() < head.content_length) return {};
        const auto body = bytes.substr(0, head.content_length);
        bytes.remove_prefix(head.content_length);
        return latin_1(body);
    }
    if (head.framing != proxy::Framing::chunked) return "";
    proxy::ChunkWalker walker;
    std::string body;
    while (!bytes.empty() && walker.state() == proxy::ChunkWalker::State::more)
        body += walker.next(bytes);
    if (walker.state() == proxy::ChunkWalker::State::more) return {};
    if (walker.state() == proxy::ChunkWalker::State::broken) return false;
    return latin_1(body);
}

json read(std::string_view bytes) {
    const auto found = proxy::find_head(bytes);
    if (std::holds_alternative<proxy::HeadPending>(found)) return {{"more", true}};
    if (const auto* why = std::get_if<proxy::Refusal>(&found)) return {{"refused", why->reason}};
    const auto& place = std::get<proxy::HeadEnd>(found);
    const auto parsed =
        proxy::parse_request_head(bytes.substr(place.begin, place.end - place.begin));
    if (const auto* why = std::get_if<proxy::Refusal>(&parsed)) return {{"refused", why->reason}};
    const auto& head = std::get<proxy::RequestHead>(parsed);
    auto headers = json::array();
    for (const auto& line : head.headers)
        headers.push_back({lowered(line.name), latin_1(line.value)});
    bytes.remove_prefix(place.end);
    const auto body = body_of(head, bytes);
    if (body.is_null()) return {{"more", true}};
    if (body == false) return {{"refused", "the chunks are broken"}};
    auto target = latin_1(head.path);
    if (head.has_query) target += "?" + latin_1(head.query);
    return {{"method", head.method},
            {"target", target},
            {"headers", headers},
            {"body", body},
            {"rest", bytes.size()}};
}

} // namespace

int main() {
    std::array<char, 4> length{};
    while (std::cin.read(length.data(), length.size())) {
        std::size_t bytes = 0;
        for (std::size_t i = length.size(); i-- > 0;)
            bytes = (bytes << 8) | static_cast<unsigned char>(length[i]);
        std::string request(bytes, '\0');
        std::cin.read(request.data(), static_cast<std::streamsize>(bytes));
        std::cout << read(request).dump() << '\n';
    }
}
