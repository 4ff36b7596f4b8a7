#include "odysseus/proxy/http_head.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>

using namespace odysseus;
using namespace odysseus::proxy;

namespace {

int status_of(std::string_view bytes) {
    const auto found = find_head(bytes);
    if (const auto* refusal = std::get_if<Refusal>(&found)) return refusal->status;
    if (std::holds_alternative<HeadPending>(found)) return 0;
    const auto& end = std::get<HeadEnd>(found);
    const auto head = parse_request_head(bytes.substr(end.begin, end.end - end.begin));
    if (const auto* refusal = std::get_if<Refusal>(&head)) return refusal->status;
    return 200;
}

std::string content(std::string_view bytes, ChunkWalker::State& state, std::size_t step) {
    ChunkWalker walker;
    std::string out;
    for (std::size_t at = 0; at < bytes.size() && walker.state() == ChunkWalker::State::more;
         at += step) {
        auto piece = bytes.substr(at, step);
        while (!piece.empty() && walker.state() == ChunkWalker::State::more)
            out += walker.next(piece);
    }
    state = walker.state();
    return out;
}

} // namespace

TEST_CASE("A request's head has one reading, or is refused") {
    struct Row {
        std::string bytes;
        int status; // 200: taken, 0: incomplete
    };
    const std::string host = "Host: localhost\r\n";
    const auto get = [&](const std::string& lines) {
        return "GET / HTTP/1.1\r\n" + host + lines + "\r\n";
    };
    const auto post = [&](const std::string& lines) {
        return "POST /x HTTP/1.1\r\n" + host + lines + "\r\n";
    };
    const auto row = GENERATE_COPY(
        Row{get(""), 200}, Row{"\r\n\r\n" + get(""), 200}, Row{"\r\n\r\n\r\n" + get(""), 400},
        Row{"GET / HTTP/1.0\r\n\r\n", 200}, Row{"GET / HTTP/1.1\r\n\r\n", 400},
        Row{"GET / HTTP/1.1\r\n" + host, 0}, Row{"", 0}, Row{"GET", 0},
        Row{"GET / HTTP/1.1\n" + host + "\r\n", 400}, Row{"GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
        Row{"\x16\x03\x01", 400}, Row{"get / HTTP/1.1\r\n\r\n", 400},
        Row{"GET  / HTTP/1.1\r\n" + host + "\r\n", 400},
        Row{"GET / HTTP/1.1 \r\n" + host + "\r\n", 400}, Row{"GET /\r\n" + host + "\r\n", 400},
        Row{"GET / http/1.1\r\n" + host + "\r\n", 400},
        Row{"GET / HTTP/2.0\r\n" + host + "\r\n", 505},
        Row{"GET / HTTP/11\r\n" + host + "\r\n", 400},
        Row{"BREW / HTTP/1.1\r\n" + host + "\r\n", 501},
        Row{"CONNECT a:1 HTTP/1.1\r\n" + host + "\r\n", 501},
        Row{"GET x HTTP/1.1\r\n" + host + "\r\n", 400},
        Row{"GET /a#b HTTP/1.1\r\n" + host + "\r\n", 400},
        Row{"GET /a\x01 HTTP/1.1\r\n" + host + "\r\n", 400},
        Row{"GET http://localhost/x HTTP/1.1\r\n" + host + "\r\n", 200},
        Row{"GET http:///x HTTP/1.1\r\n" + host + "\r\n", 400},
        Row{"GET http://u@localhost/ HTTP/1.1\r\n" + host + "\r\n", 400},
        Row{"OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 200},
        Row{"GET * HTTP/1.1\r\n" + host + "\r\n", 400},
        Row{"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n" + host + "\r\n", 414},
        Row{"GET /" + std::string(40000, 'a'), 414}, Row{get(host), 400},
        Row{get("Host : b\r\n"), 400}, Row{get(" folded\r\n"), 400}, Row{get("\tfolded\r\n"), 400},
        Row{get("NoColon\r\n"), 400}, Row{get(": value\r\n"), 400}, Row{get("A b: c\r\n"), 400},
        Row{get("A: b\rc\r\n"), 400}, Row{get(std::string("A: b\0c\r\n", 8)), 400},
        Row{get("A: \x7f\r\n"), 400}, Row{get("A: caf\xc3\xa9\r\n"), 200}, Row{get("A:\r\n"), 200},
        Row{get("A: " + std::string(40000, 'a') + "\r\n"), 431},
        Row{get([] {
                std::string many;
                for (int i = 0; i < 101; ++i)
                    many += "A: b\r\n";
                return many;
            }()),
            431},
        Row{post("Content-Length: 5\r\n"), 200}, Row{post("Content-Length: 0\r\n"), 200},
        Row{post("Content-Length: 5\r\nContent-Length: 5\r\n"), 400},
        Row{post("Content-Length: 5, 5\r\n"), 400}, Row{post("Content-Length: +5\r\n"), 400},
        Row{post("Content-Length: -5\r\n"), 400}, Row{post("Content-Length: 0x5\r\n"), 400},
        Row{post("Content-Length:\r\n"), 400}, Row{post("Content-Length: 5 5\r\n"), 400},
        Row{post("Content-Length: 99999999999999999999\r\n"), 400},
        Row{post("Transfer-Encoding: chunked\r\n"), 200},
        Row{post("Transfer-Encoding: CHUNKED\r\n"), 200},
        Row{post("Transfer-Encoding: gzip, chunked\r\n"), 501},
        Row{post("Transfer-Encoding: identity\r\n"), 501},
        Row{post("Transfer-Encoding: xchunked\r\n"), 501},
        Row{post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
        Row{post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400},
        Row{post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), 400},
        Row{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        Row{post("Expect: 100-continue\r\n"), 200}, Row{post("Expect: magic\r\n"), 417});
    CAPTURE(row.bytes.substr(0, 100));
    CHECK(status_of(row.bytes) == row.status);
}

TEST_CASE("What the lines say is taken over") {
    const auto parsed = parse_request_head("POST /v1/x?a=b&c HTTP/1.1\r\nHost: h:1\r\n"
                                           "Connection: Foo, close\r\nContent-Length: 12\r\n"
                                           "X: \t spaced out \t\r\n\r\n");
    const auto& head = std::get<RequestHead>(parsed);
    CHECK(head.method == "POST");
    CHECK(head.path == "/v1/x");
    CHECK(head.query == "a=b&c");
    CHECK(head.has_query);
    CHECK(head.host == "h:1");
    CHECK(head.content_length == 12);
    CHECK_FALSE(head.keep_alive);
    CHECK(header(head.headers, "x") == "spaced out");
    const auto old = parse_request_head("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK(std::get<RequestHead>(old).keep_alive);
}

TEST_CASE("Chunks are walked through at any step") {
    struct Row {
        std::string bytes;
        const char* content;
        ChunkWalker::State state;
    };
    using enum ChunkWalker::State;
    const auto row = GENERATE(
        Row{"5\r\nhello\r\n0\r\n\r\n", "hello", done},
        Row{"5;ext=\"v\"\r\nhello\r\n00\r\nTrailer: x\r\n\r\n", "hello", done},
        Row{"A\r\n0123456789\r\n3\r\nabc\r\n0\r\n\r\n", "0123456789abc", done},
        Row{"5\r\nhello\r\n", "hello", more}, Row{"5\r\nhelloX\r\n0\r\n\r\n", "hello", broken},
        Row{"5\nhello\r\n0\r\n\r\n", "", broken}, Row{"\r\nhello", "", broken},
        Row{"-5\r\nhello\r\n", "", broken}, Row{"0x5\r\nhello\r\n", "", broken},
        Row{"5 \r\nhello\r\n", "", broken}, Row{";x\r\n", "", broken},
        Row{"FFFFFFFFFFFFFFFF\r\n", "", broken},
        Row{"5\r\nhello\r\n0\r\nX: y\n\r\n", "hello", broken},
        Row{"5;" + std::string(300, 'a') + "\r\n", "", broken},
        Row{"0\r\n" + std::string(9000, 'a'), "", broken});
    CAPTURE(row.bytes.substr(0, 60));
    for (const std::size_t step : {1, 2, 3, 7, 100'000}) {
        auto state = more;
        CHECK(content(row.bytes, state, step) == row.content);
        CHECK(state == row.state);
    }
}

TEST_CASE("An answer's head, and where its body ends") {
    const auto framing = [](std::string_view lines, bool to_head = false) {
        const auto text = "HTTP/1.1 200 OK\r\n" + std::string(lines) + "\r\n";
        return parse_response_head(text, to_head)->framing;
    };
    CHECK(framing("Content-Length: 3\r\n") == Framing::length);
    CHECK(framing("Transfer-Encoding: chunked\r\n") == Framing::chunked);
    CHECK(framing("") == Framing::until_close);
    CHECK(framing("Content-Length: 3\r\n", true) == Framing::none);
    CHECK(parse_response_head("HTTP/1.1 204 No Content\r\n\r\n", false)->framing == Framing::none);
    CHECK(parse_response_head("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false)->keep_alive);
    for (const auto* bad :
         {"HTTP/1.1 20 OK\r\n\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 999 X\r\n\r\n", "junk\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
          "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_response_head(bad, false));
    }
}
