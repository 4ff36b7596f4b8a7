#include "odysseus/proxy/proxy.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/ports.hpp"

#include "proxy_fixture.hpp"

#include <arpa/inet.h>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>

using namespace odysseus;
using namespace odysseus::proxy;
using namespace odysseus::test;
using Json = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// Empty: this machine has no IPv6.
Socket connect_to_v6_loopback(int port) {
    Socket socket(::socket(AF_INET6, SOCK_STREAM, 0));
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(static_cast<std::uint16_t>(port));
    address.sin6_addr = in6addr_loopback;
    if (::connect(static_cast<int>(socket.native()), reinterpret_cast<sockaddr*>(&address),
                  sizeof address) != 0)
        return {};
    (void)::fcntl(static_cast<int>(socket.native()), F_SETFL, O_NONBLOCK);
    return socket;
}

bool has_v6_loopback() {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
    const Socket socket(::socket(AF_INET6, SOCK_STREAM, 0));
    return socket && ::bind(static_cast<int>(socket.native()),
                            reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

} // namespace

TEST_CASE("The name in the body is rewritten, and nothing else") {
    ProxyFixture fixture(answering([](const std::string& request) { return ok_answer(request); }));
    auto client = fixture.client();
    const std::string body =
        "{ \"seed\":18446744073709551615, \"model\" : \"friendly\",\"e\":\"\\u00e9\"}";
    client.send(fixture.post("/v1/chat/completions", body,
                             "X-Mine: yes\r\nConnection: X-Mine, keep-alive\r\n"));
    const auto answer = client.read_message();
    REQUIRE(status_of(answer) == 200);
    const auto seen = body_of(answer);
    CHECK(body_of(seen) ==
          "{ \"seed\":18446744073709551615, \"model\" : \"model-file\",\"e\":\"\\u00e9\"}");
    CHECK(seen.find(concat("Content-Length: ", body_of(seen).size(), "\r\n")) != std::string::npos);
    CHECK(seen.find("X-Mine") == std::string::npos); // of the client's connection alone
    CHECK(seen.find(concat("Host: 127.0.0.1:", fixture.server.port())) != std::string::npos);
}

TEST_CASE("Names in a query, in a form, of chunks, and none at all") {
    ProxyFixture fixture(answering([](const std::string& request) { return ok_answer(request); }));
    auto client = fixture.client();
    const auto seen = [&](const std::string& request) {
        client.send(request);
        return body_of(client.read_message());
    };
    CHECK(seen(fixture.get("/props?x=1&model=friendly&autoload=false"))
              .starts_with("GET /props?x=1&model=model-file&autoload=false HTTP/1.1\r\n"));
    const auto form = seen(fixture.post("/v1/audio/transcriptions",
                                        "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n"
                                        "\r\nfriendly\r\n--B--\r\n",
                                        "Content-Type: multipart/form-data; boundary=B\r\n"));
    CHECK(form.find("\r\n\r\nmodel-file\r\n--B--") != std::string::npos);
    const auto chunked = seen(concat(
        "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
        chunk("{\"model\":\"fri"), chunk("endly\"}"), "0\r\nTrailer: x\r\n\r\n"));
    CHECK(body_of(chunked) == "{\"model\":\"model-file\"}");
    CHECK(chunked.find("Content-Length: 22") != std::string::npos);
    CHECK(body_of(seen(fixture.post("/completion", "{\"prompt\":\"a\"}"))) ==
          "{\"model\":\"model-file\",\"prompt\":\"a\"}");
    CHECK(body_of(seen(fixture.post("/models/load", "{\"model\":\"friendly\"}"))) ==
          "{\"model\":\"model-file\"}");
    CHECK(body_of(seen(fixture.post("/lora-adapters", "[{\"id\":0}]"))) == "[{\"id\":0}]");
    CHECK(body_of(seen(fixture.post("/completion", "no {json"))) == "no {json");
    CHECK(body_of(seen(fixture.post("/models", "{\"model\":\"org/new:Q4\"}"))) ==
          "{\"model\":\"org/new:Q4\"}");
}

TEST_CASE("A model that nobody knows is a 404 with a proposal; a new file is found") {
    ProxyFixture fixture(answering([](const std::string& request) {
        if (request.starts_with("GET /models"))
            return ok_answer(R"({"data":[{"id":"model-file"},{"id":"org/cached:Q4"}]})");
        return ok_answer(request);
    }));
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", "{\"model\":\"frendly\"}"));
    const auto answer = client.read_message();
    CHECK(status_of(answer) == 404);
    const auto error = Json::parse(body_of(answer))["error"];
    CHECK(error["code"] == "model_not_found");
    CHECK(error["param"] == "model");
    CHECK(error["message"].get<std::string>().find("friendly") != std::string::npos);
    // What llama-server itself lists is not unknown.
    client.send(fixture.post("/v1/chat/completions", "{\"model\":\"org/cached:Q4\"}"));
    CHECK(body_of(body_of(client.read_message())) == "{\"model\":\"org/cached:Q4\"}");
}

TEST_CASE("A model that appears in the folder needs no restart") {
    ProxyFixture fixture(answering([](const std::string& request) { return ok_answer(request); }));
    fixture.models.add_later("new", "new-file");
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", "{\"model\":\"new\"}"));
    CHECK(body_of(body_of(client.read_message())) == "{\"model\":\"new-file\"}");
}

TEST_CASE("A stream reaches the client event by event, byte for byte") {
    std::atomic<int> step{0};
    std::string sent = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n";
    ProxyFixture fixture([&](RawConnection& connection) {
        (void)connection.read_message();
        connection.send(sent);
        for (int i = 0; i < 5; ++i) {
            // The next event is not made before the test has seen the one before.
            wait_until([&] { return step >= i; });
            connection.send(chunk(concat("data: ", i, "\n\n")));
        }
        connection.send("0\r\n\r\n");
    });
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", R"({"model":"friendly","stream":true})"));
    for (int i = 0; i < 5; ++i) {
        const auto event = chunk(concat("data: ", i, "\n\n"));
        (void)client.read_part(
            [&](std::string_view bytes) { return bytes.find(event) != std::string_view::npos; });
        ++step;
    }
    std::string expected;
    for (int i = 0; i < 5; ++i)
        expected += chunk(concat("data: ", i, "\n\n"));
    CHECK(body_of(client.read_message()) == expected + "0\r\n\r\n");
}

TEST_CASE("A port that is taken is an error of its own kind") {
    ProxyFixture fixture(answering([](const std::string&) { return ok_answer(""); }));
    Proxy second({}, fixture.upstream, fixture.models, {});
    try {
        second.listen("127.0.0.1", fixture.proxy.port());
        FAIL("two programs listen on one port");
    } catch (const Error& error) {
        CHECK(error.fault() == Fault::busy);
    }
}

TEST_CASE("localhost is both addresses of this machine, on one port") {
    if (!has_v6_loopback()) SKIP("this machine has no ::1");
    RawServer server(answering([](const std::string&) { return ok_answer("{}"); }));
    FixedLlamaControl upstream(server.port());
    TableDirectory models({});
    Proxy proxy({}, upstream, models, {});
    proxy.listen("localhost", 0);
    REQUIRE(proxy.port() > 0);
    proxy.start();
    auto four = connect_raw(proxy.port());
    four.send(ProxyFixture::get("/health"));
    CHECK(status_of(four.read_message()) == 200);
    auto socket = connect_to_v6_loopback(proxy.port());
    REQUIRE(socket);
    RawConnection six(std::move(socket));
    six.send(ProxyFixture::get("/health"));
    CHECK(status_of(six.read_message()) == 200);
    // Nobody else gets a port of which one half is taken.
    Proxy second({}, upstream, models, {});
    for (const auto* host : {"localhost", "127.0.0.1", "::1"}) {
        CAPTURE(host);
        CHECK_THROWS_AS(second.listen(host, proxy.port()), Error);
        CHECK_FALSE(system::port_is_free(host, proxy.port()));
    }
    const auto port = proxy.port();
    proxy.stop(milliseconds(0));
    CHECK_FALSE(connect_to_v6_loopback(port));
}

TEST_CASE("A port of which one of localhost's addresses is taken is not free") {
    if (!has_v6_loopback()) SKIP("this machine has no ::1");
    const auto* taken = GENERATE("127.0.0.1", "::1");
    CAPTURE(taken);
    const auto other = listen_on(taken, 0);
    const auto port = port_of(other);
    CHECK_FALSE(system::port_is_free("localhost", port));
    RawServer server(answering([](const std::string&) { return ok_answer("{}"); }));
    FixedLlamaControl upstream(server.port());
    TableDirectory models({});
    Proxy proxy({}, upstream, models, {});
    CHECK_THROWS_AS(proxy.listen("localhost", port), Error);
}
