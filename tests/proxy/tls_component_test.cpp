// https on the port, and to peers.
#include "proxy_fixture.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/system/tls.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <nlohmann/json.hpp>

using namespace odysseus;
using namespace odysseus::proxy;
using namespace odysseus::test;
using std::chrono::milliseconds;

namespace {

std::string file(std::string_view name) {
    return concat(ODYSSEUS_TEST_DATA, "/tls/", name);
}

ProxySettings secure(std::string_view name = "box") {
    ProxySettings settings;
    settings.tls = system::tls_server({file(concat(name, ".crt")), file(concat(name, ".key"))});
    return settings;
}

ProxySettings with_peer(int port, const std::string& pinned) {
    ProxySettings settings;
    settings.peers = std::get<std::vector<PeerAddress>>(
        peer_addresses({concat("https://127.0.0.1:", port, "#key")}));
    settings.peers[0].pinned = pinned;
    settings.limits.peer_look = milliseconds(50);
    return settings;
}

std::string chat(std::string_view text) {
    return ProxyFixture::post(
        "/v1/chat/completions",
        concat(R"({"model":"friendly@127.0.0.1","messages":[{"role":"user","content":")", text,
               R"("}]})"));
}

std::string said(ProxyFixture& fixture, std::string_view request) {
    auto client = fixture.client();
    client.send(request);
    return client.read_message();
}

bool asks_list(const std::string& request) {
    return request.starts_with("GET /models") || request.starts_with("GET /v1/models");
}

std::string streamed(int events) {
    std::string answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < events; ++i)
        answer +=
            chunk(concat("data: {\"n\":", i, ",\"pad\":\"", std::string(100, 'x'), "\"}\n\n"));
    return answer + "0\r\n\r\n";
}

} // namespace

TEST_CASE("A peer with the pinned certificate answers, whatever the size of the request") {
    auto settings = secure();
    settings.access.keys = {"key"};
    ProxyFixture box(answering([](const std::string& request) {
                         if (asks_list(request)) return ok_answer(R"({"data":[]})");
                         if (has(request, "stream")) return streamed(5000);
                         return ok_answer(body_of(request));
                     }),
                     settings);
    ProxyFixture desk(answering([](const std::string&) { return ok_answer(R"({"data":[]})"); }),
                      with_peer(box.proxy.port(), system::certificate_digest(file("box.crt"))));
    CHECK(has(said(desk, ProxyFixture::get("/v1/models")), "friendly@127.0.0.1"));
    for (const std::size_t bytes : {1, 1000, 16384, 16385, 3'000'000}) {
        INFO(bytes);
        const auto answer = said(desk, chat(std::string(bytes, 'y')));
        CHECK(status_of(answer) == 200);
        const auto body = nlohmann::json::parse(body_of(answer));
        CHECK(body["messages"][0]["content"].get<std::string>().size() == bytes);
        CHECK(body["model"] == "model-file");
    }
    const auto answer = said(desk, chat("stream"));
    const auto content = content_of(answer);
    CHECK(has(content, "{\"n\":0,"));
    CHECK(has(content, "{\"n\":4999,"));
    CHECK(box.proxy.traffic().total == 6);
}

TEST_CASE(
    "A certificate that was not pinned, or that nobody signed, gets neither key nor request") {
    const auto pinned = GENERATE(std::string("other"), std::string());
    CAPTURE(pinned);
    auto settings = secure();
    ProxyFixture box(answering([](const std::string&) { return ok_answer(R"({"data":[]})"); }),
                     settings);
    ProxyFixture desk(
        answering([](const std::string&) { return ok_answer(R"({"data":[]})"); }),
        with_peer(box.proxy.port(),
                  pinned.empty() ? "" : system::certificate_digest(file("other.crt"))));
    CHECK(status_of(said(desk, chat("hello"))) == 404);
    const auto peer = desk.proxy.traffic().peers[0];
    CHECK_FALSE(peer.view.answers);
    CHECK(has(peer.view.trouble, pinned.empty() ? "its certificate will not do: self"
                                                : "not the one that it was paired with"));
    CHECK(box.proxy.traffic().total == 0);
}

TEST_CASE("A TLS peer that is none, and one that hangs in its handshake, are left out") {
    const bool hangs = GENERATE(false, true);
    RawServer box([hangs](RawConnection& client) {
        if (hangs) {
            (void)client.read_part([](std::string_view) { return false; });
        } else {
            client.send("HTTP/1.1 400 Bad\r\n\r\n");
        }
    });
    ProxyFixture desk(answering([](const std::string&) { return ok_answer(R"({"data":[]})"); }),
                      with_peer(box.port(), system::certificate_digest(file("box.crt"))));
    CHECK(status_of(said(desk, chat("hello"))) == 404);
    CHECK_FALSE(desk.proxy.traffic().peers[0].view.answers);
}

TEST_CASE("Plain HTTP on a port of https is told so, and costs nobody else anything") {
    ProxyFixture fixture(answering([](const std::string&) { return ok_answer("{}"); }), secure());
    auto client = fixture.client();
    client.send(ProxyFixture::get("/v1/models"));
    const auto answer = client.read_message();
    CHECK(status_of(answer) == 400);
    CHECK(has(answer, "https://"));
    CHECK(client.ends_within(k_patience));
    auto garbage = fixture.client();
    garbage.send(std::string("\x16\x03\x01\x00\x05hello", 10));
    auto fresh = fixture.client();
    fresh.send(ProxyFixture::get("/health"));
    CHECK(status_of(fresh.read_message()) == 400);
}

TEST_CASE("Files that are no certificate are refused with their names") {
    struct Row {
        std::string certificate, key;
        const char* says;
    };
    const Row rows[] = {
        {file("none.crt"), file("box.key"), "none.crt (--tls-cert)"},
        {file("box.key"), file("box.key"), "box.key (--tls-cert)"},
        {file("box.crt"), file("none.key"), "none.key (--tls-key)"},
        {file("box.crt"), file("other.key"), "other.key (--tls-key)"},
    };
    for (const auto& row : rows) {
        INFO(row.says);
        std::string why;
        try {
            (void)system::tls_server({row.certificate, row.key});
        } catch (const Error& error) {
            why = error.what();
            CHECK(error.fault() == Fault::usage);
        }
        CHECK(has(why, row.says));
    }
}
