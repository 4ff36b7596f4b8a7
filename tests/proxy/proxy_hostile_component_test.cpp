// HTTP as no decent client speaks it, over raw sockets: each case with the one answer that is
// right. What the proxy lets through is answered 200 by a llama-server that takes everything, so a
// case that should have been refused and was not is seen.
#include "proxy_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace odysseus;
using namespace odysseus::proxy;
using namespace odysseus::test;
using namespace std::string_literals;
using std::chrono::milliseconds;

namespace {

constexpr const char* k_host = "Host: localhost\r\n";

ProxySettings tight_settings() {
    ProxySettings settings;
    settings.limits.head = settings.limits.body_pause = milliseconds(300);
    settings.limits.body_bytes_max = 100'000;
    settings.access.hosts = {"box.lan"};
    return settings;
}

RawServer::Script takes_everything() {
    return answering([](const std::string& request) { return ok_answer(body_of(request)); });
}

struct Case {
    const char* name;
    std::string bytes;
    std::vector<int> answers; // the status of each answer, in order
    bool ends;                // the connection is ended by the proxy
};

std::string get(const std::string& lines = {}) {
    return concat("GET /x HTTP/1.1\r\n", k_host, lines, "\r\n");
}

std::string post(const std::string& lines, const std::string& rest = {}) {
    return concat("POST /x HTTP/1.1\r\n", k_host, lines, "\r\n", rest);
}

std::string chunked(const std::string& rest) {
    return post("Transfer-Encoding: chunked\r\n", rest);
}

std::string times(int count, const std::string& text) {
    std::string out;
    for (int i = 0; i < count; ++i)
        out += text;
    return out;
}

// The status of each answer; 0 in place of one that does not come, or is not HTTP.
std::vector<int> statuses(RawConnection& client, std::size_t count, bool ends) {
    std::vector<int> found;
    try {
        while (found.size() < count) {
            const bool last = ends && found.size() + 1 == count;
            found.push_back(status_of(last ? client.read_last_message() : client.read_message()));
        }
    } catch (const std::runtime_error& error) {
        UNSCOPED_INFO(error.what());
        found.push_back(0);
    }
    return found;
}

const std::vector<Case>& cases() {
    static const std::vector<Case> all = {
        // The request line
        {"plain", get(), {200}, false},
        {"empty lines first", "\r\n\r\n" + get(), {200}, false},
        {"many empty lines first", "\r\n\r\n\r\n" + get(), {400}, true},
        {"HTTP/1.0 without Host", "GET /x HTTP/1.0\r\n\r\n", {200}, true},
        {"HTTP/1.0 kept alive", "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", {200}, false},
        {"HTTP/1.7 is 1.1", concat("GET /x HTTP/1.7\r\n", k_host, "\r\n"), {200}, false},
        {"HTTP/2.0", concat("GET /x HTTP/2.0\r\n", k_host, "\r\n"), {505}, true},
        {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {505}, true},
        {"HTTP/0.9", "GET /x\r\n\r\n", {400}, true},
        {"no version digits", concat("GET /x HTTP/x.y\r\n", k_host, "\r\n"), {400}, true},
        {"TLS hello", std::string("\x16\x03\x01\x02\x00\x01\x00", 7), {400}, true},
        {"binary noise", std::string("\x00\x01\xff\xfe", 4), {400}, true},
        {"lower-case method", concat("get /x HTTP/1.1\r\n", k_host, "\r\n"), {400}, true},
        {"unknown method", concat("BREW /x HTTP/1.1\r\n", k_host, "\r\n"), {501}, true},
        {"TRACE", concat("TRACE /x HTTP/1.1\r\n", k_host, "\r\n"), {501}, true},
        {"CONNECT", concat("CONNECT a:443 HTTP/1.1\r\n", k_host, "\r\n"), {501}, true},
        {"two spaces", concat("GET  /x HTTP/1.1\r\n", k_host, "\r\n"), {400}, true},
        {"tab between", concat("GET\t/x HTTP/1.1\r\n", k_host, "\r\n"), {400}, true},
        {"space behind", concat("GET /x HTTP/1.1 \r\n", k_host, "\r\n"), {400}, true},
        {"bare line feeds", "GET /x HTTP/1.1\nHost: localhost\n\n", {400}, true},
        {"bare carriage return", concat("GET /x HTTP/1.1\rX\r\n", k_host, "\r\n"), {400}, true},
        {"target without slash", concat("GET x HTTP/1.1\r\n", k_host, "\r\n"), {400}, true},
        {"target with fragment", concat("GET /x#y HTTP/1.1\r\n", k_host, "\r\n"), {400}, true},
        {"target with NUL", "GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n"s, {400}, true},
        {"target with DEL", concat("GET /\x7f HTTP/1.1\r\n", k_host, "\r\n"), {400}, true},
        {"target above ASCII",
         concat("GET /caf\xc3\xa9 HTTP/1.1\r\n", k_host, "\r\n"),
         {400},
         true},
        {"query above ASCII", concat("GET /x?a=\xff HTTP/1.1\r\n", k_host, "\r\n"), {400}, true},
        {"C1 control in the target", concat("GET /\x9b HTTP/1.1\r\n", k_host, "\r\n"), {400}, true},
        {"target too long",
         concat("GET /", std::string(9000, 'a'), " HTTP/1.1\r\n", k_host, "\r\n"),
         {414},
         true},
        {"endless request line", concat("GET /", std::string(40'000, 'a')), {414}, true},
        {"absolute target",
         concat("GET http://localhost/x HTTP/1.1\r\n", k_host, "\r\n"),
         {200},
         false},
        {"absolute target, evil host",
         concat("GET http://evil.com/x HTTP/1.1\r\n", k_host, "\r\n"),
         {403},
         false},
        {"absolute target, no host",
         concat("GET http:///x HTTP/1.1\r\n", k_host, "\r\n"),
         {400},
         true},
        {"other scheme", concat("GET ftp://localhost/x HTTP/1.1\r\n", k_host, "\r\n"), {400}, true},
        {"OPTIONS *", concat("OPTIONS * HTTP/1.1\r\n", k_host, "\r\n"), {204}, false},
        {"GET *", concat("GET * HTTP/1.1\r\n", k_host, "\r\n"), {400}, true},
        // Host and Origin
        {"no Host", "GET /x HTTP/1.1\r\n\r\n", {400}, true},
        {"two Hosts", get(k_host), {400}, true},
        {"Host list", "GET /x HTTP/1.1\r\nHost: localhost, evil.com\r\n\r\n", {400}, true},
        {"Host with path", "GET /x HTTP/1.1\r\nHost: localhost/evil\r\n\r\n", {400}, true},
        {"Host with user", "GET /x HTTP/1.1\r\nHost: localhost@evil.com\r\n\r\n", {400}, true},
        {"rebound Host", "GET /x HTTP/1.1\r\nHost: evil.com\r\n\r\n", {403}, false},
        {"Host that begins right",
         "GET /x HTTP/1.1\r\nHost: localhost.evil.com\r\n\r\n",
         {403},
         false},
        {"Host with a bad port", "GET /x HTTP/1.1\r\nHost: localhost:99999\r\n\r\n", {403}, false},
        {"another address as Host", "GET /x HTTP/1.1\r\nHost: 10.1.2.3\r\n\r\n", {403}, false},
        {"configured Host", "GET /x HTTP/1.1\r\nHost: box.lan:8080\r\n\r\n", {200}, false},
        {"hostile Origin", get("Origin: https://evil.com\r\n"), {403}, false},
        {"Origin null", get("Origin: null\r\n"), {403}, false},
        {"local Origin", get("Origin: http://localhost:3000\r\n"), {200}, false},
        {"embedded elsewhere",
         get("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n"),
         {403},
         false},
        {"hostile preflight",
         concat("OPTIONS /x HTTP/1.1\r\n", k_host,
                "Origin: https://evil.com\r\nAccess-Control-Request-Method: POST\r\n\r\n"),
         {403},
         false},
        {"local preflight",
         concat("OPTIONS /x HTTP/1.1\r\n", k_host,
                "Origin: http://localhost:1\r\nAccess-Control-Request-Method: POST\r\n\r\n"),
         {204},
         false},
        // Header lines
        {"obsolete folding", get("A: b\r\n c\r\n"), {400}, true},
        {"folding at once", concat("GET /x HTTP/1.1\r\n ", k_host, "\r\n"), {400}, true},
        {"space before the colon", get("A : b\r\n"), {400}, true},
        {"no colon", get("Nonsense\r\n"), {400}, true},
        {"no name", get(": b\r\n"), {400}, true},
        {"control character", get("A: b\x01\r\n"), {400}, true},
        {"NUL in a value", get("A: b\0c\r\n"s), {400}, true},
        {"line feed in the middle", get("A: b\nC: d\r\n"), {400}, true},
        {"bytes above ASCII in a value", get("A: caf\xc3\xa9\r\n"), {200}, false},
        {"bytes above ASCII in a name", get("\xc3\xa9: b\r\n"), {400}, true},
        {"100 lines", get(times(99, "A: b\r\n")), {200}, false},
        {"101 lines", get(times(100, "A: b\r\n")), {431}, true},
        {"one long line", get(concat("A: ", std::string(40'000, 'b'), "\r\n")), {431}, true},
        {"endless lines", concat("GET /x HTTP/1.1\r\n", times(9000, "A: b\r\n")), {431}, true},
        // Lengths
        {"length", post("Content-Length: 2\r\n", "hi"), {200}, false},
        {"length 0", post("Content-Length: 0\r\n"), {200}, false},
        {"two equal lengths",
         post("Content-Length: 2\r\nContent-Length: 2\r\n", "hi"),
         {400},
         true},
        {"two lengths", post("Content-Length: 2\r\nContent-Length: 30\r\n", "hi"), {400}, true},
        {"list of lengths", post("Content-Length: 2, 2\r\n", "hi"), {400}, true},
        {"signed length", post("Content-Length: +2\r\n", "hi"), {400}, true},
        {"negative length", post("Content-Length: -1\r\n", "hi"), {400}, true},
        {"hexadecimal length", post("Content-Length: 0x2\r\n", "hi"), {400}, true},
        {"length beyond 64 bits", post("Content-Length: 18446744073709551616\r\n"), {400}, true},
        {"length beyond the limit", post("Content-Length: 100001\r\n"), {413}, true},
        {"length at the limit",
         post("Content-Length: 100000\r\n", std::string(100'000, 'a')),
         {200},
         false},
        {"length and chunks",
         post("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
         {400},
         true},
        {"chunks and length 0",
         post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", "0\r\n\r\n"),
         {400},
         true},
        {"smuggled request",
         post("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + get()),
         {400},
         true},
        // Chunks
        {"chunks", chunked("2\r\nhi\r\n0\r\n\r\n"), {200}, false},
        {"chunk extension", chunked("2;a=b\r\nhi\r\n0\r\n\r\n"), {200}, false},
        {"trailer", chunked("2\r\nhi\r\n0\r\nA: b\r\n\r\n"), {200}, false},
        {"two encodings", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), {501}, true},
        {"encoding twice",
         post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
         {400},
         true},
        {"encoding in disguise",
         post("Transfer-Encoding: \x0b"
              "chunked\r\n",
              "0\r\n\r\n"),
         {400},
         true},
        {"unknown encoding", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), {501}, true},
        {"chunks on HTTP/1.0",
         "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         {400},
         true},
        {"bad size", chunked("zz\r\nhi\r\n0\r\n\r\n"), {400}, true},
        {"signed size", chunked("+2\r\nhi\r\n0\r\n\r\n"), {400}, true},
        {"size with 0x", chunked("0x2\r\nhi\r\n0\r\n\r\n"), {400}, true},
        {"empty size", chunked("\r\nhi\r\n0\r\n\r\n"), {400}, true},
        {"size beyond 60 bits", chunked("ffffffffffffffff\r\n"), {400}, true},
        {"size ended by a bare line feed", chunked("2\nhi\r\n0\r\n\r\n"), {400}, true},
        {"chunk longer than its size", chunked("2\r\nhiho\r\n0\r\n\r\n"), {400}, true},
        {"endless extension", chunked("2;" + std::string(1000, 'a')), {400}, true},
        {"endless trailer", chunked("0\r\n" + times(2000, "A: bcde\r\n")), {400}, true},
        {"chunks beyond the limit", chunked("30d40\r\n" + std::string(150'000, 'a')), {413}, true},
        // Expectations, order, patience
        {"100-continue", post("Content-Length: 2\r\nExpect: 100-continue\r\n", "hi"), {200}, false},
        {"unknown expectation", post("Content-Length: 2\r\nExpect: magic\r\n", "hi"), {417}, true},
        {"too long with 100-continue",
         post("Content-Length: 999999\r\nExpect: 100-continue\r\n"),
         {413},
         true},
        {"two requests at once", get() + get(), {200, 200}, false},
        {"three, the second bad", get() + get("A : b\r\n") + get(), {200, 400}, true},
        {"body, then another", post("Content-Length: 2\r\n", "hi") + get(), {200, 200}, false},
        {"chunks, then another", chunked("2\r\nhi\r\n0\r\n\r\n") + get(), {200, 200}, false},
        {"close, then another", get("Connection: close\r\n") + get(), {200}, true},
        {"half a request line", "GET /x HT", {408}, true},
        {"half a head", concat("GET /x HTTP/1.1\r\n", k_host), {408}, true},
        {"half a body", post("Content-Length: 10\r\n", "hi"), {408}, true},
        {"half a chunk", chunked("a\r\nhi"), {408}, true},
        {"no last chunk", chunked("2\r\nhi\r\n"), {408}, true},
    };
    return all;
}

} // namespace

TEST_CASE("Hostile HTTP gets the answer it deserves", "[hostile]") {
    ProxyFixture fixture(takes_everything(), tight_settings());
    REQUIRE(cases().size() >= 60);
    for (const auto& one : cases()) {
        CAPTURE(one.name);
        auto client = fixture.client();
        client.send(one.bytes);
        CHECK(statuses(client, one.answers.size(), one.ends) == one.answers);
        if (one.ends) continue;
        // Nothing more came by itself, and the connection still serves.
        client.send(ProxyFixture::get("/health"));
        CHECK(statuses(client, 1, false) == std::vector<int>{200});
    }
}

TEST_CASE("A request that drips in is taken, one byte at a time", "[hostile]") {
    ProxyFixture fixture(takes_everything());
    auto client = fixture.client();
    const auto request = chunked("2;x=y\r\n{}\r\n0\r\n\r\n") + get();
    for (const char byte : request)
        client.send({&byte, 1});
    CHECK(statuses(client, 2, false) == std::vector<int>{200, 200});
}

TEST_CASE("What llama-server must not say reaches no client", "[hostile]") {
    const auto answer = GENERATE(
        as<std::string>{}, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n");
    ProxyFixture fixture(answering([answer](const std::string&) { return answer; }));
    auto client = fixture.client();
    client.send(get());
    CHECK(status_of(client.read_message()) == 502);
}

TEST_CASE("Headers of one connection stay there", "[hostile]") {
    ProxyFixture fixture(answering([](const std::string& request) {
        return concat(
            "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nConnection: keep-alive, X-Hop\r\n"
            "X-Hop: 1\r\nAccess-Control-Allow-Origin: *\r\nX-End: 2\r\nContent-Length: ",
            request.size(), "\r\n\r\n", request);
    }));
    auto client = fixture.client();
    client.send(get("Connection: keep-alive, X-Own\r\nX-Own: 1\r\nTE: trailers\r\nUpgrade: h2c\r\n"
                    "Proxy-Authorization: x\r\nKeep-Alive: 1\r\nX-Forwarded: 2\r\n"));
    const auto answer = client.read_message();
    const auto up = body_of(answer);
    for (const auto* name : {"X-Own", "TE:", "Upgrade", "Proxy-Auth", "Keep-Alive"}) {
        CAPTURE(name);
        CHECK(up.find(name) == std::string::npos);
    }
    CHECK(up.find("X-Forwarded: 2") != std::string::npos);
    const auto head = answer.substr(0, answer.find("\r\n\r\n"));
    CHECK(head.find("X-Hop") == std::string::npos);
    CHECK(head.find("Keep-Alive") == std::string::npos);
    CHECK(head.find("Access-Control") == std::string::npos);
    CHECK(head.find("X-End: 2") != std::string::npos);
}
