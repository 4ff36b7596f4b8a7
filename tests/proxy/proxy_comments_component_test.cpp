// Comments that keep an event stream alive until llama-server answers.
#include "proxy_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace odysseus;
using namespace odysseus::proxy;
using namespace odysseus::test;
using std::chrono::milliseconds;

namespace {

const std::string k_streamed = R"({"model":"friendly","stream":true})";
const std::string k_chunked = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                              "Transfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view k_comment = ": loading...\n\n";

ProxySettings pinging(milliseconds every) {
    ProxySettings settings;
    settings.sse_ping = every;
    return settings;
}

std::size_t comments_in(std::string_view text) {
    std::size_t count = 0;
    for (auto at = text.find(k_comment); at != std::string_view::npos;
         at = text.find(k_comment, at + 1))
        ++count;
    return count;
}

struct Case {
    const char* name;
    std::string answer; // llama-server's
    const char* events; // what the client gets behind the comments
};

const Case k_cases[] = {
    {"a stream", k_chunked + chunk("data: 1\n\n") + chunk("data: 2\n\n") + "0\r\n\r\n",
     "data: 1\n\ndata: 2\n\n"},
    {"a stream of one large event",
     k_chunked + chunk("data: " + std::string(5000, 'x') + "\n\n") + "0\r\n\r\n", nullptr},
    {"an empty stream", k_chunked + "0\r\n\r\n", ""},
    {"a body of known length", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ndata: 1\n\n",
     "data: 1\n\n"},
    {"no body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""},
    {"a body that ends with the connection",
     "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ndata: 1\n\n", "data: 1\n\n"},
    {"a failure", "HTTP/1.1 500 X\r\nContent-Length: 12\r\n\r\n{\"error\":{}}",
     "data: {\"error\":{}}\n\n"},
    {"a failure of several lines, in chunks",
     "HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("{\"error\":\n") +
         chunk("{}}") + "0\r\n\r\n",
     "data: {\"error\": {}}\n\n"},
    {"a refusal", "HTTP/1.1 400 Bad\r\nContent-Length: 2\r\n\r\n{}", "data: {}\n\n"},
    {"not HTTP", "SSH-2.0-OpenSSH\r\n\r\n", nullptr},
};

} // namespace

TEST_CASE("A stream that began with comments is whole HTTP, whatever llama-server answers") {
    for (const auto& one : k_cases) {
        CAPTURE(one.name);
        Gate go;
        ProxyFixture fixture(
            [&](RawConnection& connection) {
                if (connection.read_message().empty()) return;
                (void)go.wait();
                connection.send(one.answer);
            },
            pinging(milliseconds(100)));
        auto client = fixture.client();
        client.send(fixture.post("/v1/chat/completions", k_streamed));
        const auto begun =
            client.read_part([](std::string_view bytes) { return comments_in(bytes) >= 2; });
        CHECK(status_of(begun) == 200);
        CHECK(has(begun, "Content-Type: text/event-stream\r\n"));
        go.open();
        const auto content = content_of(client.read_message());
        const auto comments = comments_in(content);
        CHECK(comments >= 2);
        const auto events = content.substr(comments * k_comment.size());
        if (one.events != nullptr) CHECK(events == one.events);
        if (!events.empty()) CHECK((has(events, "data: ") && events.ends_with("\n\n")));
    }
}

TEST_CASE("Comments while llama-server starts, then its answer or odysseus's own") {
    const bool fails = GENERATE(false, true);
    CAPTURE(fails);
    ProxyFixture fixture(answering([](const std::string&) {
                             return k_chunked + chunk("data: 1\n\n") + "0\r\n\r\n";
                         }),
                         pinging(milliseconds(100)));
    fixture.upstream.set([](server::Serving& serving) { serving.state = server::State::starting; });
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", k_streamed));
    (void)client.read_part([](std::string_view bytes) { return comments_in(bytes) >= 1; });
    fixture.upstream.set([&](server::Serving& serving) {
        serving.state = fails ? server::State::failed : server::State::ready;
        serving.reason = "no build runs here";
    });
    const auto content = content_of(client.read_message());
    CHECK(has(content, fails ? "no build runs here" : "data: 1\n\n"));
    CHECK(content.ends_with("\n\n"));
    client.send(fixture.get("/odysseus/status")); // and the connection goes on
    CHECK(status_of(client.read_message()) == 200);
}

TEST_CASE("A request that is sent again after comments is answered once") {
    std::atomic<int> asked{0};
    ProxyFixture fixture(answering([&](const std::string&) {
                             return ++asked == 1 ? "HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\n{}"
                                                 : k_chunked + chunk("data: 1\n\n") + "0\r\n\r\n";
                         }),
                         pinging(milliseconds(100)));
    Gate go;
    fixture.upstream.on_report = [&](const server::Failure&,
                                     const server::GaveUp&) -> server::Verdict {
        (void)go.wait();
        return server::Replay{};
    };
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", k_streamed));
    (void)client.read_part([](std::string_view bytes) { return comments_in(bytes) >= 1; });
    go.open();
    const auto content = content_of(client.read_message());
    CHECK(content.substr(comments_in(content) * k_comment.size()) == "data: 1\n\n");
    CHECK(asked == 2);
}

TEST_CASE("Requests that are not streamed, and HTTP/1.0, get no comments") {
    const bool old = GENERATE(false, true);
    Gate go;
    ProxyFixture fixture(
        [&](RawConnection& connection) {
            if (connection.read_message().empty()) return;
            (void)go.wait();
            connection.send(ok_answer("{}"));
        },
        pinging(milliseconds(50)));
    auto client = fixture.client();
    const std::string body = old ? k_streamed : R"({"model":"friendly"})";
    client.send(concat("POST /v1/chat/completions HTTP/1.", old ? 0 : 1, "\r\nHost: localhost\r\n",
                       "Content-Length: ", body.size(), "\r\n\r\n", body));
    CHECK_FALSE(client.ends_within(milliseconds(600))); // throws when a byte comes
    go.open();
    CHECK(body_of(client.read_message()) == "{}");
}

TEST_CASE("A failure before the first comment keeps its status") {
    ProxyFixture fixture(answering([](const std::string&) {
                             return "HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\n{}";
                         }),
                         pinging(milliseconds(60'000)));
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", k_streamed));
    CHECK(status_of(client.read_message()) == 500);
}
