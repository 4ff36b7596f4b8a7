// A request's head, an answer's head and chunks: whatever is accepted has one framing, holds no
// control character, and reads the same however the bytes arrived.
#include "odysseus/proxy/http_head.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

using namespace odysseus;

namespace {

void require(bool held) {
    if (!held) std::abort();
}

void check_request(std::string_view bytes) {
    const auto found = proxy::find_head(bytes);
    if (!std::holds_alternative<proxy::HeadEnd>(found)) return;
    const auto& place = std::get<proxy::HeadEnd>(found);
    require(place.begin < place.end && place.end <= bytes.size());
    const auto parsed =
        proxy::parse_request_head(bytes.substr(place.begin, place.end - place.begin));
    if (!std::holds_alternative<proxy::RequestHead>(parsed)) return;
    const auto& head = std::get<proxy::RequestHead>(parsed);
    int lengths = 0;
    int encodings = 0;
    for (const auto& line : head.headers) {
        lengths += same_name(line.name, "content-length") ? 1 : 0;
        encodings += same_name(line.name, "transfer-encoding") ? 1 : 0;
        for (const char c : line.value)
            require(c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
    }
    require(lengths + encodings <= 1);
    require((head.framing == proxy::Framing::chunked) == (encodings == 1));
    require(!head.path.empty());
}

void check_chunks(std::string_view bytes, std::size_t step) {
    proxy::ChunkWalker whole;
    std::string content;
    auto rest = bytes;
    while (!rest.empty() && whole.state() == proxy::ChunkWalker::State::more)
        content += whole.next(rest);
    proxy::ChunkWalker piecewise;
    std::string again;
    for (std::size_t at = 0;
         at < bytes.size() && piecewise.state() == proxy::ChunkWalker::State::more; at += step) {
        auto piece = bytes.substr(at, step);
        while (!piece.empty() && piecewise.state() == proxy::ChunkWalker::State::more)
            again += piecewise.next(piece);
    }
    require(content == again && whole.state() == piecewise.state());
    require(content.size() <= bytes.size());
}

} // namespace

// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    check_request(bytes);
    (void)proxy::parse_response_head(bytes, data[0] % 2 == 0);
    check_chunks(bytes, data[0] % 16 + 1);
    return 0;
}
