// Requests that other machines answer: two and more proxies, and peers that fail.
#include "odysseus/proxy/peer_look.hpp"
#include "proxy_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <nlohmann/json.hpp>

using namespace odysseus;
using namespace odysseus::proxy;
using namespace odysseus::test;
using std::chrono::milliseconds;

namespace {

constexpr std::string_view k_shared = "friendly"; // every fixture has it, as "model-file"

std::string address(int port, std::string_view key = {}) {
    return concat("http://127.0.0.1:", port, key.empty() ? "" : "#", key);
}

ProxySettings with_peers(const std::vector<std::string>& urls) {
    ProxySettings settings;
    settings.peers = std::get<std::vector<PeerAddress>>(peer_addresses(urls));
    settings.limits.peer_look = milliseconds(50);
    return settings;
}

std::string chat(std::string_view model, std::string_view text = "hello",
                 std::string_view lines = {}) {
    return ProxyFixture::post("/v1/chat/completions",
                              concat(R"({"model":")", model,
                                     R"(","messages":[{"role":"user","content":")", text,
                                     R"("}]})"),
                              lines);
}

std::string status_line(int status, std::string_view body) {
    return concat("HTTP/1.1 ", status, " Status\r\nContent-Length: ", body.size(), "\r\n\r\n",
                  body);
}

bool asks_list(const std::string& request) {
    return request.starts_with("GET /v1/models") || request.starts_with("GET /models");
}

std::string list_of(const std::vector<std::string>& ids, std::string_view state = "loaded") {
    std::vector<std::string> entries;
    for (const auto& id : ids)
        entries.push_back(concat(R"({"id":")", id, R"(","owned_by":"llamacpp","status":{"value":")",
                                 state, R"("}})"));
    return concat(R"({"object":"list","data":[)", joined(entries, ","), "]}");
}

// A peer that is no proxy: it lists its models and does with the rest what the test says.
struct RawPeer {
    RawPeer(std::vector<std::string> models,
            std::function<void(RawConnection&, const std::string& request)> rest)
        : server([this, models = std::move(models), rest = std::move(rest)](RawConnection& client) {
              while (true) {
                  const auto request = client.read_message();
                  if (request.empty()) return;
                  if (asks_list(request)) {
                      client.send(ok_answer(list_of(models)));
                  } else if (request.starts_with("GET ")) {
                      client.send(status_line(404, "{}"));
                  } else {
                      ++requests;
                      rest(client, request);
                      if (client.ended()) return;
                  }
              }
          }) {}
    std::atomic<int> requests{0};
    RawServer server;
};

auto saying(std::string_view text) {
    return [text = std::string(text)](RawConnection& client, const std::string&) {
        client.send(ok_answer(text));
    };
}

std::string said(ProxyFixture& fixture, std::string_view request) {
    auto client = fixture.client();
    client.send(request);
    return client.read_message();
}

nlohmann::json json_of(const std::string& answer) {
    return nlohmann::json::parse(body_of(answer), nullptr, false);
}

// The proxy has looked at its peers once.
void looked(ProxyFixture& fixture) {
    wait_until([&] {
        const auto peers = fixture.proxy.traffic().peers;
        return std::all_of(peers.begin(), peers.end(), [](const auto& peer) {
            return peer.view.answers || !peer.view.trouble.empty();
        });
    });
}

auto echoing() {
    return answering([](const std::string& request) {
        return asks_list(request) ? ok_answer(R"({"data":[]})") : ok_answer(request);
    });
}

} // namespace

TEST_CASE("A model of another machine answers under its own name, with that machine's key") {
    RawPeer peer({"theirs"}, [](RawConnection& client, const std::string& request) {
        client.send(ok_answer(request));
    });
    auto settings = with_peers({address(peer.server.port(), "their-key")});
    settings.access.keys = {"my-key"};
    ProxyFixture fixture(echoing(), settings);

    const auto list = json_of(
        said(fixture, ProxyFixture::get("/v1/models", "Authorization: Bearer my-key\r\n")))["data"];
    REQUIRE(list.size() == 3);
    CHECK(list[2]["id"] == "theirs");
    CHECK(list[2]["status"]["value"] == "loaded");
    CHECK(list[2]["peer"] == "127.0.0.1");

    const auto request =
        body_of(said(fixture, chat("THEIRS", "hello",
                                   "Authorization: Bearer my-key\r\nAccept-Encoding: gzip\r\n")));
    CHECK(has(request, R"("model":"theirs")"));
    CHECK(has(request, "Authorization: Bearer their-key\r\n"));
    CHECK(has(request, "Odysseus-Forwarded: 1\r\n"));
    CHECK(has(request, concat("Host: 127.0.0.1:", peer.server.port(), "\r\n")));
    CHECK_FALSE(has(request, "my-key"));
    CHECK_FALSE(has(request, "gzip"));

    const auto as_ollama = [&](std::string_view path, std::string_view body) {
        constexpr std::string_view k_key = "Authorization: Bearer my-key\r\n";
        return body.empty() ? said(fixture, ProxyFixture::get(path, k_key))
                            : said(fixture, ProxyFixture::post(path, body, k_key));
    };
    CHECK(has(as_ollama("/api/tags", ""), R"("name":"theirs)"));
    CHECK(status_of(as_ollama("/api/show", R"({"model":"theirs"})")) == 200);

    const auto peers = fixture.proxy.traffic().peers;
    REQUIRE(peers.size() == 1);
    CHECK(peers[0].requests == 1);
    CHECK(peers[0].failures == 0);
    CHECK(peers[0].round_trip_ms);
    CHECK_FALSE(has(peers[0].url, "their-key"));
    const auto metrics =
        said(fixture, ProxyFixture::get("/metrics", "Authorization: Bearer my-key\r\n"));
    CHECK(has(metrics, "odysseus_peer_up{peer=\"127.0.0.1\"} 1\n"));
    CHECK(has(metrics, "odysseus_peer_requests_total{peer=\"127.0.0.1\"} 1\n"));
    CHECK_FALSE(has(metrics, "their-key"));
}

TEST_CASE("Two odysseus that name each other forward a request once, and list their own models") {
    ProxyFixture b(echoing());
    ProxyFixture a(echoing(), with_peers({address(b.proxy.port())}));
    ProxyFixture c(echoing(), with_peers({address(a.proxy.port())}));
    const auto listed = said(a, ProxyFixture::get("/v1/models", "Odysseus-Forwarded: 1\r\n"));
    CHECK_FALSE(has(listed, "@127.0.0.1"));
    CHECK(has(said(a, ProxyFixture::get("/v1/models")), "friendly@127.0.0.1"));

    CHECK(status_of(said(c, chat("nobody"))) == 404);
    // c asks a, and a does not ask b.
    const auto through = body_of(said(c, chat("friendly@127.0.0.1")));
    CHECK(has(through, R"("model":"model-file")"));
    CHECK(a.proxy.traffic().total == 1);
    CHECK(a.proxy.traffic().peers[0].requests == 0);
    const auto again = said(a, chat("friendly@127.0.0.1", "hello", "Odysseus-Forwarded: 1\r\n"));
    CHECK(status_of(again) == 404);
}

TEST_CASE("A peer that fails before its first byte is left out, and another one answers") {
    enum class Fault { closes, resets, says_500, says_503, no_http, head_alone, wrong_key };
    const auto fault = GENERATE(Fault::closes, Fault::resets, Fault::says_500, Fault::says_503,
                                Fault::no_http, Fault::head_alone, Fault::wrong_key);
    CAPTURE(static_cast<int>(fault));
    RawPeer bad({"theirs"}, [fault](RawConnection& client, const std::string&) {
        switch (fault) {
        case Fault::closes: client.close(); break;
        case Fault::resets: client.reset(); break;
        case Fault::says_500: client.send(status_line(500, "oops")); break;
        case Fault::says_503: client.send(status_line(503, "busy")); break;
        case Fault::no_http: client.send("SSH-2.0-x\r\n\r\n"); break;
        case Fault::head_alone:
            client.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            client.close();
            break;
        case Fault::wrong_key: client.send(status_line(401, "no")); break;
        }
    });
    RawPeer good({"theirs"}, saying("good"));
    ProxyFixture fixture(echoing(),
                         with_peers({address(bad.server.port()), address(good.server.port())}));
    looked(fixture);
    CHECK(body_of(said(fixture, chat("theirs", "one"))) == "good");
    const int asked = bad.requests; // twice where an idle connection was used first
    CHECK(asked >= 1);
    CHECK(body_of(said(fixture, chat("theirs", "two"))) == "good");
    CHECK(bad.requests == asked); // left out
    const auto peers = fixture.proxy.traffic().peers;
    CHECK(peers[0].failures == 1);
    CHECK(peers[1].requests == 2);
}

TEST_CASE("When the last peer fails, its own words or ours come, and this machine if it can") {
    RawPeer bad({"theirs", "friendly"}, [](RawConnection& client, const std::string& request) {
        if (has(request, "close")) {
            client.close();
        } else {
            client.send(status_line(500, R"({"error":{"message":"their words"}})"));
        }
    });
    ProxyFixture fixture(echoing(), with_peers({address(bad.server.port())}));
    looked(fixture);
    SECTION("its own words") {
        const auto answer = said(fixture, chat("theirs"));
        CHECK(status_of(answer) == 500);
        CHECK(has(answer, "their words"));
        const auto then = said(fixture, chat("theirs"));
        CHECK(status_of(then) == 503); // left out
        CHECK(has(then, "Retry-After: "));
        CHECK(json_of(then)["error"]["code"] == "peer_unavailable");
    }
    SECTION("ours") {
        const auto answer = said(fixture, chat("theirs", "close"));
        CHECK(status_of(answer) == 503);
        CHECK(has(answer, "broke the connection"));
    }
    SECTION("this machine") {
        const auto answer = said(fixture, chat("friendly"));
        CHECK(status_of(answer) == 200);
        CHECK(has(answer, R"("model":"model-file")"));
        CHECK(bad.requests == 1);
    }
}

TEST_CASE("A peer's answer to a wrong request is the answer") {
    RawPeer peer({"theirs"}, [](RawConnection& client, const std::string&) {
        client.send(status_line(400, R"({"error":{"message":"wrong"}})"));
    });
    ProxyFixture fixture(echoing(), with_peers({address(peer.server.port())}));
    const auto answer = said(fixture, chat("theirs"));
    CHECK(status_of(answer) == 400);
    CHECK(has(answer, "wrong"));
    CHECK(fixture.proxy.traffic().peers[0].failures == 0);
}

TEST_CASE("A peer that breaks in mid answer is a visible cut, never a second answer") {
    RawPeer peer({"theirs"}, [](RawConnection& client, const std::string&) {
        client.send(concat("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n",
                           chunk("data: {\"a\":1}\n\n")));
        client.reset();
    });
    RawPeer other({"theirs"}, saying("never"));
    ProxyFixture fixture(echoing(),
                         with_peers({address(peer.server.port()), address(other.server.port())}));
    looked(fixture);
    auto client = fixture.client();
    client.send(ProxyFixture::post("/v1/chat/completions",
                                   R"({"model":"theirs","stream":true,"messages":[]})"));
    const auto answer = client.read_cut_message();
    CHECK(has(answer, R"(data: {"a":1})"));
    CHECK(has(answer, "the connection to 127.0.0.1"));
    CHECK_FALSE(has(answer, "\r\n0\r\n"));
    CHECK(other.requests == 0);
    wait_until([&] { return fixture.proxy.traffic().peers[0].failures == 1; });
    CHECK(fixture.proxy.traffic().cut == 1);
    CHECK(fixture.upstream.reports().empty()); // no failure of this machine's llama-server
}

TEST_CASE("When this machine fails, a peer that has the model answers") {
    const bool has_failed = GENERATE(true, false); // else it fails while the request waits
    CAPTURE(has_failed);
    RawPeer peer({"friendly"}, saying("there"));
    ProxyFixture fixture(answering([](const std::string& request) {
                             return asks_list(request) ? ok_answer(R"({"data":[]})")
                                                       : status_line(500, "broken");
                         }),
                         with_peers({address(peer.server.port())}));
    looked(fixture);
    fixture.upstream.set([&](server::Serving& serving) {
        serving.model = "model-file"; // loaded here, so it is asked here
        if (has_failed) serving.state = server::State::failed;
    });
    fixture.upstream.on_report = [](const auto&, const auto&) -> server::Verdict {
        return server::GiveUp{503, "out_of_memory", "too large here", {}};
    };
    const auto answer = said(fixture, chat("friendly"));
    CHECK(status_of(answer) == 200);
    CHECK(body_of(answer) == "there");
    CHECK(fixture.upstream.reports().size() == (has_failed ? 0 : 1));
}

TEST_CASE("A conversation stays where it began, and a new one goes where there is less to do") {
    Gate begun;
    Gate go;
    const auto peer_saying = [&](std::string_view name) {
        return [&, name](RawConnection& client, const std::string& request) {
            if (has(request, "slow")) {
                begun.open();
                (void)go.wait();
            }
            client.send(ok_answer(name));
        };
    };
    RawPeer first({"theirs"}, peer_saying("first"));
    RawPeer second({"theirs"}, peer_saying("second"));
    ProxyFixture fixture(echoing(),
                         with_peers({address(first.server.port()), address(second.server.port())}));
    looked(fixture);
    CHECK(body_of(said(fixture, chat("theirs", "tale"))) == "first");
    auto slow = fixture.client();
    slow.send(chat("theirs", "slow"));
    REQUIRE(begun.wait());
    CHECK(body_of(said(fixture, chat("theirs", "another"))) == "second");
    CHECK(body_of(said(fixture, chat("theirs", "tale"))) == "first");
    go.open();
    CHECK(body_of(slow.read_message()) == "first");
    CHECK(body_of(said(fixture, chat("theirs", "another"))) == "second");
}

TEST_CASE("A plain OpenAI-compatible server gets what it knows, below /v1") {
    std::string asked;
    RawServer plain([&](RawConnection& client) {
        while (true) {
            const auto request = client.read_message();
            if (request.empty()) return;
            if (request.starts_with("GET /v1/models")) {
                client.send(ok_answer(R"({"data":[{"id":"theirs","object":"model"}]})"));
            } else if (request.starts_with("GET ")) {
                client.send(status_line(404, ""));
            } else {
                client.send(ok_answer(request));
            }
        }
    });
    ProxyFixture fixture(echoing(), with_peers({address(plain.port())}));
    CHECK(has(said(fixture, ProxyFixture::post("/chat/completions", R"({"model":"theirs"})")),
              "POST /v1/chat/completions HTTP/1.1"));
    const auto other = said(fixture, ProxyFixture::post("/infill", R"({"model":"theirs"})"));
    CHECK(status_of(other) == 503);
}

TEST_CASE("Peers that hang or talk nonsense cost nobody anything but themselves") {
    enum class Fault { silent, endless, nonsense, refused };
    const auto fault = GENERATE(Fault::silent, Fault::endless, Fault::nonsense, Fault::refused);
    CAPTURE(static_cast<int>(fault));
    RawServer bad([&](RawConnection& client) {
        (void)client.read_message();
        if (fault == Fault::silent) {
            (void)client.ends_within(2 * k_patience);
        } else if (fault == Fault::endless) {
            try {
                client.send("HTTP/1.1 200 OK\r\n\r\n{\"data\":[");
                while (true)
                    client.send(std::string(65536, ' '));
            } catch (const std::exception&) { // odysseus has had enough
            }
        } else {
            client.send(ok_answer(fault == Fault::refused ? "{}" : "<html>"));
        }
    });
    ProxyFixture fixture(echoing(), with_peers({address(bad.port())}));
    CHECK(status_of(said(fixture, chat(k_shared))) == 200); // at once, whatever the peer does
    const auto list = json_of(said(fixture, ProxyFixture::get("/v1/models")))["data"];
    CHECK(list.size() == 2);
    const auto peers = fixture.proxy.traffic().peers;
    CHECK_FALSE(peers[0].view.answers);
    CHECK_FALSE(peers[0].view.trouble.empty());
}

TEST_CASE("doctor's look at peers ends, whatever they do") {
    RawPeer good({"theirs"}, saying("good"));
    RawServer silent([](RawConnection& client) {
        (void)client.read_message();
        (void)client.ends_within(k_patience);
    });
    const auto peers = look_at_peers(std::get<std::vector<PeerAddress>>(
        peer_addresses({address(good.server.port()), address(silent.port())})));
    REQUIRE(peers.size() == 2);
    CHECK(peers[0].view.answers);
    CHECK(peers[0].view.models.size() == 1);
    CHECK_FALSE(peers[1].view.answers);
    CHECK(peers[1].view.trouble == "it gave no answer");
    CHECK(look_at_peers({}).empty());
}
