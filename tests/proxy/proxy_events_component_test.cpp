// What a client is told in its own interface, and that a client with more to say is seen to leave.
#include "proxy_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <future>
#include <nlohmann/json.hpp>

using namespace odysseus;
using namespace odysseus::proxy;
using namespace odysseus::test;
using Json = nlohmann::json;
using std::chrono::milliseconds;

namespace {

const std::string k_stream_head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n";
const std::string k_streamed = R"({"model":"friendly","stream":true})";

} // namespace

TEST_CASE("A stream that breaks off ends with an event that says so, and is cut all the same") {
    const auto* const path = GENERATE("/v1/chat/completions", "/v1/messages");
    const bool remark = GENERATE(false, true);
    CAPTURE(path, remark);
    ProxyFixture fixture([remark](RawConnection& connection) {
        (void)connection.read_message();
        connection.send(k_stream_head + chunk("event: message_start\ndata: 1\n\n"));
        if (remark) connection.send(chunk("proxy error: Failed to read connection") + "0\r\n\r\n");
    });
    auto client = fixture.client();
    client.send(fixture.post(path, k_streamed));
    const auto answer = client.read_cut_message();
    CHECK(client.ended());
    CHECK(has(answer, "data: 1\n\n"));
    CHECK(has(answer, "ended in the middle of this answer"));
    CHECK_FALSE(has(answer, "proxy error"));
    CHECK_FALSE(has(answer, "\r\n0\r\n"));
    const bool anthropic = std::string_view(path) == "/v1/messages";
    CHECK(has(answer, "event: error\ndata: {\"type\":\"error\"") == anthropic);
    CHECK(fixture.proxy.traffic().cut == 1);
}

TEST_CASE("A stream that breaks off within an event gets nothing more") {
    ProxyFixture fixture([](RawConnection& connection) {
        (void)connection.read_message();
        connection.send(k_stream_head + chunk("data: {\"half"));
    });
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", k_streamed));
    const auto answer = client.read_cut_message();
    CHECK(answer.ends_with(chunk("data: {\"half")));
}

TEST_CASE("Errors have the shape of the interface that was asked") {
    ProxyFixture fixture(answering([](const std::string&) { return ok_answer("{}"); }));
    fixture.upstream.set([](server::Serving& serving) {
        serving.state = server::State::failed;
        serving.reason = "no build runs here";
    });
    auto client = fixture.client();
    client.send(fixture.post("/v1/messages", R"({"model":"friendly"})"));
    const auto error = Json::parse(body_of(client.read_message()));
    CHECK(error["type"] == "error");
    CHECK(error["error"]["type"] == "overloaded_error");
    CHECK(error["error"]["message"] == "no build runs here");
    client.send(fixture.post("/v1/messages", R"({"model":"nobody"})"));
    CHECK(Json::parse(body_of(client.read_message()))["error"]["type"] == "not_found_error");
    client.send(fixture.post("/v1/chat/completions", R"({"model":"friendly"})"));
    CHECK(Json::parse(body_of(client.read_message()))["error"]["code"] == "llama_server_failed");
}

TEST_CASE("On /v1/messages the sign of life is a ping, and an error comes as an event") {
    ProxySettings settings;
    settings.sse_ping = milliseconds(100);
    Gate go;
    ProxyFixture fixture(
        [&](RawConnection& connection) {
            (void)connection.read_message();
            (void)go.wait();
            connection.send("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n");
        },
        settings);
    auto client = fixture.client();
    client.send(fixture.post("/v1/messages", k_streamed));
    const auto begun =
        client.read_part([](std::string_view bytes) { return has(bytes, "event: ping\n"); });
    CHECK(has(begun, "event: ping\ndata: {\"type\": \"ping\"}\n\n"));
    go.open();
    CHECK(has(client.read_message(), "event: error\ndata: {\"type\":\"error\""));
}

TEST_CASE("A stream of messages whose beginning was left out gets one") {
    ProxyFixture fixture(answering([](const std::string&) {
        return concat(
            k_stream_head,
            chunk("event: content_block_start\ndata: {\"type\":\"content_block_start\"}\n\n"),
            "0\r\n\r\n");
    }));
    auto client = fixture.client();
    client.send(fixture.post("/v1/messages", k_streamed));
    const auto content = content_of(client.read_message());
    CHECK(content.starts_with("event: message_start\n"));
    CHECK(has(content, "event: content_block_start\n"));
}

TEST_CASE("A client that leaves with requests still unread is seen at once") {
    const bool half = GENERATE(false, true);
    CAPTURE(half);
    std::promise<void> reading;
    std::promise<std::chrono::steady_clock::time_point> released;
    ProxyFixture fixture([&](RawConnection& connection) {
        (void)connection.read_message();
        reading.set_value();
        (void)connection.ends_within(k_patience);
        released.set_value(std::chrono::steady_clock::now());
    });
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", k_streamed));
    reading.get_future().get();
    for (int i = 0; i < 3; ++i) {
        client.send(fixture.get("/health"));
        std::this_thread::sleep_for(milliseconds(20)); // so that each is seen by itself
    }
    const auto left = std::chrono::steady_clock::now();
    if (half) {
        client.end_sending();
    } else {
        client.close();
    }
    CHECK(released.get_future().get() - left < milliseconds(1000));
}
