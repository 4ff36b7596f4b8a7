// The reader of the tests themselves: what curl refuses, it refuses.
#include "message_reader.hpp"

#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <string>

using namespace odysseus::test;
using namespace std::string_literals;

namespace {

const std::string k_chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

// How many bytes belong to the message; absent: it is refused, or ends early. Given in pieces of
// `step` bytes, it must come to the same.
std::optional<std::size_t> length_of(std::string_view bytes, std::size_t step,
                                     MessageKind kind = MessageKind::answer) {
    MessageReader reader(kind);
    try {
        while (!bytes.empty() && !reader.whole()) {
            auto piece = bytes.substr(0, step);
            const auto given = piece.size();
            reader.feed(piece);
            bytes.remove_prefix(given - piece.size());
        }
        if (!reader.whole()) reader.end();
    } catch (const BadHttp&) {
        return std::nullopt;
    }
    return reader.raw().size();
}

} // namespace

TEST_CASE("The tests' reader takes a whole message and leaves what is behind it") {
    const std::string whole[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 204 No Content\r\nA: b\r\n\r\n",
        k_chunked + "e\r\n: loading...\n\n\r\n0\r\n\r\n",
        k_chunked + "2;x=y\r\nhi\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
    };
    for (const auto& message : whole) {
        CAPTURE(message);
        for (const std::size_t step : {1, 3, 1000}) {
            CHECK(length_of(message, step) == message.size());
            CHECK(length_of(message + "HTTP/1.1 200", step) == message.size());
        }
    }
    const auto to_the_end = "HTTP/1.1 200 OK\r\n\r\nall of it"s;
    CHECK(length_of(to_the_end, 1) == to_the_end.size());
    const auto head = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"s;
    CHECK(length_of(head, 1, MessageKind::answer_to_head) == head.size());
}

TEST_CASE("The tests' reader refuses what curl refuses") {
    const std::string wrong[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
        k_chunked + "d\r\n: loading...\n\n\r\n0\r\n\r\n", // 14 bytes that are said to be 13
        k_chunked + "f\r\n: loading...\n\n\r\n0\r\n\r\n",
        k_chunked + "2\r\nhi0\r\n\r\n",
        k_chunked + "2\r\nhi\r\n",
        k_chunked + "2\r\nhi\r\n0\r\n",
        k_chunked + "2\nhi\r\n0\r\n\r\n",
        k_chunked + "0x2\r\nhi\r\n0\r\n\r\n",
        k_chunked + "\r\nhi\r\n0\r\n\r\n",
        k_chunked + "fffffffffffffffff\r\n",
    };
    for (const auto& message : wrong) {
        CAPTURE(message);
        for (const std::size_t step : {1, 3, 1000})
            CHECK_FALSE(length_of(message, step).has_value());
    }
}
