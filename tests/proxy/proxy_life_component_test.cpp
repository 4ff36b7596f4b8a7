// What happens when a side leaves, fails, is slow or starts over.
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
using std::chrono::steady_clock;

namespace {

const std::string k_stream_head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n";
const std::string k_streamed = R"({"model":"friendly","stream":true})";
constexpr milliseconds k_release_max{100};

std::string failure(int status, std::string_view body) {
    return concat("HTTP/1.1 ", status,
                  " Failed\r\nContent-Type: application/json\r\nContent-Length: ", body.size(),
                  "\r\n\r\n", body);
}

milliseconds since(steady_clock::time_point begin) {
    return std::chrono::duration_cast<milliseconds>(steady_clock::now() - begin);
}

} // namespace

TEST_CASE("A client that leaves releases llama-server within 100 ms") {
    const bool after_first_byte = GENERATE(false, true);
    CAPTURE(after_first_byte);
    std::promise<void> reading;
    std::promise<steady_clock::time_point> released;
    ProxyFixture fixture([&](RawConnection& connection) {
        (void)connection.read_message();
        if (after_first_byte) connection.send(k_stream_head + chunk("data: 1\n\n"));
        reading.set_value();
        (void)connection.ends_within(k_patience);
        released.set_value(steady_clock::now());
    });
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", k_streamed));
    reading.get_future().get();
    if (after_first_byte)
        (void)client.read_part([](std::string_view bytes) { return has(bytes, "data: 1"); });
    const auto left = steady_clock::now();
    client.close();
    const auto when = released.get_future().get();
    CHECK(when - left < k_release_max);
}

TEST_CASE("A client that leaves while llama-server starts, or is judged, is let go") {
    const bool judged = GENERATE(false, true);
    std::promise<void> asked;
    std::promise<void> given_up;
    ProxyFixture fixture(answering([](const std::string&) { return failure(500, "{}"); }));
    fixture.upstream.on_report = [&](const server::Failure&,
                                     const server::GaveUp& gave_up) -> server::Verdict {
        asked.set_value();
        while (!gave_up())
            std::this_thread::sleep_for(milliseconds(1));
        given_up.set_value();
        return server::PassOn{};
    };
    if (!judged)
        fixture.upstream.set(
            [](server::Serving& serving) { serving.state = server::State::starting; });
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", k_streamed));
    if (judged) asked.get_future().get();
    wait_until([&] { return fixture.proxy.traffic().active > 0; });
    const auto left = steady_clock::now();
    client.close();
    wait_until([&] { return fixture.proxy.traffic().active == 0; });
    CHECK(since(left) < k_release_max);
    if (judged) given_up.get_future().get();
    CHECK(fixture.proxy.traffic().hung_up == 1);
}

TEST_CASE("A slow client holds llama-server back, and memory stays bounded") {
    std::atomic<std::size_t> taken{0};
    std::atomic<bool> done{false};
    const std::string piece(64 * 1024, 'x');
    constexpr int k_pieces = 1024; // 64 MiB, far beyond what the sockets hold
    ProxyFixture fixture([&](RawConnection& connection) {
        (void)connection.read_message();
        connection.send(k_stream_head);
        for (int i = 0; i < k_pieces; ++i) {
            connection.send(chunk(piece));
            taken += piece.size();
        }
        connection.send("0\r\n\r\n");
        done = true;
    });
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", k_streamed));
    // Until nothing moves any more.
    for (auto before = taken.load() + 1; before != taken;
         std::this_thread::sleep_for(milliseconds(300)))
        before = taken;
    CHECK_FALSE(done);
    CHECK(taken < std::size_t{k_pieces} * piece.size() / 2);
    const auto body = body_of(client.read_message());
    CHECK(static_cast<std::size_t>(std::count(body.begin(), body.end(), 'x')) ==
          std::size_t{k_pieces} * piece.size());
}

TEST_CASE("A cured failure is answered as if nothing had happened, by one replay") {
    std::atomic<int> asked{0};
    ProxyFixture fixture(answering([&](const std::string& request) {
        if (++asked == 1)
            return failure(500, R"({"error":{"message":"model name=x failed to load"}})");
        return ok_answer(body_of(request));
    }));
    fixture.upstream.on_report = [](const server::Failure&,
                                    const server::GaveUp&) -> server::Verdict {
        return server::Replay{};
    };
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", R"({"model":"friendly"})"));
    const auto answer = client.read_message();
    CHECK(status_of(answer) == 200);
    CHECK(body_of(answer) == R"({"model":"model-file"})");
    CHECK(asked == 2);
    CHECK(fixture.proxy.traffic().replayed == 1);
    const auto reports = fixture.upstream.reports();
    REQUIRE(reports.size() == 1);
    CHECK(reports[0].generation == 1);
    CHECK(reports[0].status == 500);
    CHECK(reports[0].model == "model-file");
    CHECK(has(reports[0].body, "failed to load"));
}

TEST_CASE("A model's process that ends twice is told as an error, not in the router's plain text") {
    std::atomic<int> asked{0};
    ProxyFixture fixture(answering([&](const std::string&) {
        ++asked;
        return failure(500, "proxy error: Failed to read connection");
    }));
    fixture.upstream.on_report = [](const server::Failure&,
                                    const server::GaveUp&) -> server::Verdict {
        return server::Replay{};
    };
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", R"({"model":"friendly"})"));
    const auto answer = client.read_message();
    CHECK(status_of(answer) == 502);
    CHECK(has(body_of(answer), R"("code":"model_unreachable")"));
    CHECK(has(answer, "Retry-After"));
    CHECK(asked == 2);
}

TEST_CASE("A second failure is passed on: a request is sent again once") {
    std::atomic<int> asked{0};
    ProxyFixture fixture(answering([&](const std::string&) {
        ++asked;
        return failure(500, R"({"error":"again"})");
    }));
    fixture.upstream.on_report = [](const server::Failure&,
                                    const server::GaveUp&) -> server::Verdict {
        return server::Replay{};
    };
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", R"({"model":"friendly"})"));
    const auto answer = client.read_message();
    CHECK(status_of(answer) == 500);
    CHECK(body_of(answer) == R"({"error":"again"})");
    CHECK(asked == 2);
}

TEST_CASE("What cannot be cured is passed on byte for byte, whatever its framing") {
    const auto raw = GENERATE(
        as<std::string>{}, failure(500, R"({"error":{"code":500}})"),
        "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n",
        concat("HTTP/1.1 500 Large\r\nContent-Length: 300000\r\n\r\n", std::string(300'000, 'l')));
    ProxyFixture fixture(answering([raw](const std::string&) { return raw; }));
    auto client = fixture.client();
    client.send(fixture.get("/props"));
    const auto answer = client.read_message();
    CHECK(status_of(answer) == status_of(raw));
    CHECK(body_of(answer) == body_of(raw));
    CHECK(fixture.upstream.reports().size() == 1);
}

TEST_CASE("A failure that was cured in vain is explained in OpenAI's shape") {
    ProxyFixture fixture(answering([](const std::string&) { return failure(500, "{}"); }));
    fixture.upstream.on_report = [](const server::Failure&,
                                    const server::GaveUp&) -> server::Verdict {
        return server::GiveUp{503, "out_of_memory", "It needs 40 GiB; 8 were free.",
                              std::chrono::seconds(7)};
    };
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", R"({"model":"friendly"})"));
    const auto answer = client.read_message();
    CHECK(status_of(answer) == 503);
    CHECK(has(answer, "Retry-After: 7\r\n"));
    const auto error = Json::parse(body_of(answer))["error"];
    CHECK(error["code"] == "out_of_memory");
    CHECK(error["type"] == "server_error");
    CHECK(error["message"] == "It needs 40 GiB; 8 were free.");
    CHECK(error.contains("param"));
}

TEST_CASE("A connection that breaks before the answer is a failure to report, then a 502") {
    ProxyFixture fixture([](RawConnection& connection) { (void)connection.read_message(); });
    auto client = fixture.client();
    client.send(fixture.get("/props"));
    const auto answer = client.read_message();
    CHECK(status_of(answer) == 502);
    const auto reports = fixture.upstream.reports();
    REQUIRE(reports.size() == 1);
    CHECK(reports[0].status == 0);
}

TEST_CASE("A process that dies between its head and its answer is replayed unseen") {
    std::atomic<int> asked{0};
    ProxyFixture fixture([&](RawConnection& connection) {
        (void)connection.read_message();
        connection.send(++asked == 1 ? std::string(k_stream_head)
                                     : concat(k_stream_head, chunk("data: 1\n\n"), "0\r\n\r\n"));
    });
    fixture.upstream.on_report = [](const server::Failure&,
                                    const server::GaveUp&) -> server::Verdict {
        return server::Replay{};
    };
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", k_streamed));
    const auto answer = client.read_message();
    CHECK(status_of(answer) == 200);
    CHECK(has(answer, "data: 1"));
    CHECK(asked == 2);
    CHECK(fixture.proxy.traffic().cut == 0);
}

TEST_CASE("An answer that the router ends with its own remark is visibly cut") {
    // With b11669 the remark and the last chunk come together or apart.
    const auto pieces = GENERATE(
        as<std::vector<std::string>>{},
        std::vector<std::string>{chunk("data: 1\n\n"),
                                 chunk("proxy error: Failed to read connection"), "0\r\n\r\n"},
        std::vector<std::string>{concat(
            chunk("data: 1\n\n"), chunk("proxy error: Failed to read connection"), "0\r\n\r\n")},
        std::vector<std::string>{
            concat(chunk("data: 1\n\n"), chunk("{\"x\":proxy error: Unknown"), "0\r\n", "\r\n")});
    ProxyFixture fixture([pieces](RawConnection& connection) {
        (void)connection.read_message();
        connection.send(k_stream_head);
        for (const auto& piece : pieces)
            connection.send(piece);
        (void)connection.ends_within(k_patience);
    });
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", k_streamed));
    const auto answer = client.read_cut_message();
    CHECK(status_of(answer) == 200);
    CHECK(has(answer, "data: 1"));
    CHECK_FALSE(has(answer, "\r\n0\r\n"));
    CHECK(fixture.proxy.traffic().cut == 1);
}

TEST_CASE("The router's remark in place of an answer is a failure like any other") {
    const bool cured = GENERATE(true, false);
    std::atomic<int> asked{0};
    ProxyFixture fixture(answering([&](const std::string&) {
        const bool fails = ++asked == 1 || !cured;
        return concat(k_stream_head,
                      chunk(fails ? "proxy error: Failed to read connection" : "data: 1\n\n"),
                      "0\r\n\r\n");
    }));
    fixture.upstream.on_report = [](const server::Failure&,
                                    const server::GaveUp&) -> server::Verdict {
        return server::Replay{};
    };
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", k_streamed));
    const auto answer = client.read_message();
    CHECK(asked == 2);
    CHECK(status_of(answer) == (cured ? 200 : 502));
    CHECK(has(answer, cured ? "data: 1" : "model_unreachable"));
    CHECK_FALSE(has(body_of(answer), "proxy error: Failed to read connection\r\n"));
    const auto reports = fixture.upstream.reports();
    REQUIRE(reports.size() == (cured ? 1U : 2U)); // the second one asks for the reason
    CHECK(has(reports.front().body, "proxy error"));
    CHECK(reports.front().stage == server::Failure::Stage::first);
    if (!cured) CHECK(reports.back().stage == server::Failure::Stage::again);
}

TEST_CASE("A request that failed twice is answered with the reason that the supervisor knows") {
    ProxyFixture fixture(answering([&](const std::string&) {
        return concat(k_stream_head, chunk("proxy error: Failed to read connection"), "0\r\n\r\n");
    }));
    fixture.upstream.on_report = [](const server::Failure& failure,
                                    const server::GaveUp&) -> server::Verdict {
        if (failure.stage == server::Failure::Stage::first) return server::Replay{};
        return server::GiveUp{
            502, "model_unreachable",
            "the model's process ended before it answered: CUDA \"error\" \x1b[2J",
            std::chrono::seconds(5)};
    };
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", k_streamed));
    const auto answer = client.read_message();
    CHECK(status_of(answer) == 502);
    CHECK(has(answer, "CUDA \\\"error\\\" \\u001b[2J")); // as JSON
    CHECK(has(answer, "Retry-After: 5"));
}

TEST_CASE("A stream that was cut between two events tells the reason that the supervisor knows") {
    ProxyFixture fixture(answering([&](const std::string&) {
        return concat(k_stream_head, chunk("data: 1\n\n"),
                      chunk("proxy error: Failed to read connection"), "0\r\n\r\n");
    }));
    fixture.upstream.on_report = [](const server::Failure& failure,
                                    const server::GaveUp&) -> server::Verdict {
        CHECK(failure.stage == server::Failure::Stage::begun);
        return server::GiveUp{502, "model_unreachable", "it ended: CUDA error: illegal access", {}};
    };
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", k_streamed));
    const auto answer = client.read_cut_message();
    CHECK(has(answer, "data: 1"));
    CHECK(has(answer, "it ended: CUDA error: illegal access; odysseus starts it again"));
    CHECK_FALSE(has(answer, "\r\n0\r\n"));
}

TEST_CASE("What a model says about proxy errors is its own affair") {
    const auto content = GENERATE(as<std::string>{}, R"({"content":"proxy error: Failed"})",
                                  "data: {\"content\":\"proxy error: Failed\"}\n\n");
    ProxyFixture fixture(answering([content](const std::string&) {
        return concat(k_stream_head, chunk(content), "0\r\n\r\n");
    }));
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", k_streamed));
    CHECK(has(client.read_message(), concat(content, "\r\n0\r\n\r\n")));
    CHECK(fixture.proxy.traffic().cut == 0);
}

TEST_CASE("A kept connection that went stale is replaced without anybody noticing") {
    std::atomic<int> connections{0};
    std::promise<void> closed;
    ProxyFixture fixture([&](RawConnection& connection) {
        const bool first = ++connections == 1;
        (void)connection.read_message();
        connection.send(ok_answer("{}"));
        if (!first) return;
        (void)connection.read_part([](std::string_view bytes) { return !bytes.empty(); });
        closed.set_value(); // the second request came, and gets no answer: closed meanwhile
    });
    auto client = fixture.client();
    client.send(fixture.get("/props"));
    CHECK(status_of(client.read_message()) == 200);
    client.send(fixture.get("/slots"));
    CHECK(status_of(client.read_message()) == 200);
    closed.get_future().get();
    CHECK(connections == 2);
    CHECK(fixture.upstream.reports().empty());
}

TEST_CASE("Connections to llama-server are used again") {
    ProxyFixture fixture(answering([](const std::string&) { return ok_answer("{}"); }));
    auto client = fixture.client();
    for (int i = 0; i < 5; ++i) {
        client.send(fixture.get("/props"));
        CHECK(status_of(client.read_message()) == 200);
    }
    CHECK(fixture.server.connections() == 1);
}

TEST_CASE("An answer that llama-server does not finish does not look finished") {
    ProxyFixture fixture([](RawConnection& connection) {
        (void)connection.read_message();
        connection.send(k_stream_head + chunk("data: 1\n\n"));
    });
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", k_streamed));
    const auto all = client.read_cut_message();
    CHECK(has(all, "data: 1"));
    CHECK_FALSE(has(all, "0\r\n\r\n"));
    CHECK(fixture.proxy.traffic().cut == 1);
}

TEST_CASE("Requests wait while llama-server restarts, and go on when it is ready") {
    ProxyFixture fixture(answering([](const std::string&) { return ok_answer("{}"); }));
    fixture.upstream.set(
        [](server::Serving& serving) { serving.state = server::State::restarting; });
    auto client = fixture.client();
    client.send(fixture.get("/health"));
    const auto health = client.read_message();
    CHECK(status_of(health) == 503);
    CHECK(has(health, "Retry-After: "));
    client.send(fixture.get("/props"));
    wait_until([&] { return fixture.proxy.traffic().active > 0; });
    fixture.upstream.set([](server::Serving& serving) { serving.state = server::State::ready; });
    CHECK(status_of(client.read_message()) == 200);
}

TEST_CASE("Waiting has an end, and a failed llama-server says why") {
    ProxySettings settings;
    settings.limits.ready_wait = milliseconds(300);
    ProxyFixture fixture(answering([](const std::string&) { return ok_answer("{}"); }), settings);
    fixture.upstream.set([](server::Serving& serving) { serving.state = server::State::starting; });
    auto client = fixture.client();
    client.send(fixture.get("/props"));
    CHECK(status_of(client.read_message()) == 504);
    fixture.upstream.set([](server::Serving& serving) {
        serving.state = server::State::failed;
        serving.reason = "no build runs here";
    });
    client.send(fixture.get("/props"));
    const auto answer = client.read_message();
    CHECK(status_of(answer) == 503);
    CHECK(has(answer, "no build runs here"));
}

TEST_CASE("Models are switched when nobody uses the one that must go") {
    Gate go;
    std::mutex mutex;
    std::vector<std::string> seen;
    const auto has_seen = [&](std::size_t count) {
        const std::lock_guard lock(mutex);
        return seen.size() >= count;
    };
    ProxyFixture fixture([&](RawConnection& connection) {
        while (true) {
            const auto request = connection.read_message();
            if (request.empty()) return;
            {
                const std::lock_guard lock(mutex);
                seen.push_back(body_of(request));
            }
            if (has(request, "model-file")) (void)go.wait();
            connection.send(ok_answer("{}"));
        }
    });
    fixture.models.add_later("other", "other-file");
    CHECK(fixture.models.refresh());
    auto first = fixture.client();
    first.send(fixture.post("/v1/chat/completions", R"({"model":"friendly"})"));
    wait_until([&] { return has_seen(1); });
    auto second = fixture.client();
    second.send(fixture.post("/v1/chat/completions", R"({"model":"other"})"));
    wait_until([&] { return fixture.proxy.traffic().active >= 2; });
    auto third = fixture.client(); // the model in use may be used by others meanwhile
    third.send(fixture.post("/v1/chat/completions", R"({"model":"model-file"})"));
    wait_until([&] { return has_seen(2); });
    go.open();
    CHECK(status_of(second.read_message()) == 200);
    CHECK(status_of(first.read_message()) == 200);
    CHECK(status_of(third.read_message()) == 200);
    const std::lock_guard lock(mutex);
    REQUIRE(seen.size() == 3);
    CHECK(has(seen[0], "model-file"));
    CHECK(has(seen[1], "model-file"));
    CHECK(has(seen[2], "other-file"));
}

TEST_CASE("HTTP/1.0 gets no chunks, HEAD no body") {
    ProxyFixture fixture([](RawConnection& connection) {
        const auto request = connection.read_message();
        connection.send(k_stream_head);
        if (!request.starts_with("HEAD"))
            connection.send(chunk("one") + chunk("two") + "0\r\n\r\n");
    });
    auto old = fixture.client();
    old.send("GET /x HTTP/1.0\r\n\r\n");
    const auto answer = old.read_last_message();
    CHECK(body_of(answer) == "onetwo");
    CHECK_FALSE(has(answer, "Transfer-Encoding"));
    auto head = fixture.client();
    head.send("HEAD /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    CHECK(body_of(head.read_answer_to_head()).empty());
    CHECK(head.ends_within(k_patience));
}

TEST_CASE("A server that is full says so at once") {
    ProxySettings settings;
    settings.limits.connections_max = 2;
    ProxyFixture fixture(answering([](const std::string&) { return ok_answer("{}"); }), settings);
    auto first = fixture.client();
    auto second = fixture.client();
    first.send(fixture.get("/health"));
    second.send(fixture.get("/health"));
    CHECK(status_of(first.read_message()) == 200);
    CHECK(status_of(second.read_message()) == 200);
    auto third = fixture.client();
    const auto answer = third.read_last_message();
    CHECK(status_of(answer) == 503);
    CHECK(has(answer, "Retry-After: 1\r\n"));
}

TEST_CASE("More requests than may be in flight are turned away with 503") {
    ProxySettings settings;
    settings.limits.requests_max = 1;
    Gate go;
    ProxyFixture fixture(
        [&go](RawConnection& connection) {
            (void)connection.read_message();
            (void)go.wait();
            connection.send(ok_answer("{}"));
        },
        settings);
    auto first = fixture.client();
    first.send(fixture.get("/props"));
    wait_until([&] { return fixture.proxy.traffic().active > 0; });
    auto second = fixture.client();
    second.send(fixture.get("/props"));
    const auto answer = second.read_message();
    CHECK(status_of(answer) == 503);
    CHECK(has(answer, "Retry-After: "));
    go.open();
    CHECK(status_of(first.read_message()) == 200);
}

TEST_CASE("A graceful stop lets requests in flight end, and cuts what does not") {
    const bool ends = GENERATE(true, false);
    CAPTURE(ends);
    Gate go;
    ProxyFixture fixture([&go](RawConnection& connection) {
        (void)connection.read_message();
        connection.send(k_stream_head + chunk("data: 1\n\n"));
        (void)go.wait();
        connection.send(chunk("data: 2\n\n") + "0\r\n\r\n");
    });
    auto idle = fixture.client();
    idle.send(fixture.get("/health"));
    (void)idle.read_message();
    auto client = fixture.client();
    client.send(fixture.post("/v1/chat/completions", k_streamed));
    (void)client.read_part([](std::string_view bytes) { return has(bytes, "data: 1"); });
    const auto begin = steady_clock::now();
    auto stopped = std::async(std::launch::async,
                              [&] { fixture.proxy.stop(milliseconds(ends ? 5000 : 300)); });
    CHECK(idle.ends_within(milliseconds(2000)));
    if (ends) go.open();
    const auto got = ends ? client.read_last_message() : client.read_cut_message();
    stopped.get();
    if (!ends) go.open();
    CHECK(has(got, "data: 2") == ends);
    CHECK(since(begin) < milliseconds(ends ? 4500 : 2000));
}

TEST_CASE("With keys, nothing but health answers without one, and llama-server gets its own") {
    ProxySettings settings;
    settings.access.keys = {"secret"};
    ProxyFixture fixture(answering([](const std::string& request) { return ok_answer(request); }),
                         settings);
    fixture.upstream.set([](server::Serving& serving) { serving.api_key = "inner"; });
    auto client = fixture.client();
    const auto ask = [&](std::string_view target, std::string_view lines) {
        client.send(fixture.get(target, lines));
        return client.read_message();
    };
    for (const auto* target : {"/v1/models", "/props", "/metrics", "/odysseus/status", "/slots",
                               "/v1/models/friendly"}) {
        CAPTURE(target);
        const auto answer = ask(target, "");
        CHECK(status_of(answer) == 401);
        CHECK(Json::parse(body_of(answer))["error"]["code"] == "invalid_api_key");
    }
    CHECK(status_of(ask("/health", "")) == 200);
    CHECK(status_of(ask("/odysseus", "")) == 200); // the page holds nothing; what it asks for does
    CHECK(status_of(ask("/props", "Authorization: Bearer wrong\r\n")) == 401);
    for (const auto* line : {"Authorization: Bearer secret\r\n", "X-Api-Key: secret\r\n"}) {
        const auto seen = body_of(ask("/props", line));
        CHECK(has(seen, "Authorization: Bearer inner\r\n"));
        CHECK_FALSE(has(seen, "secret"));
    }
    // The web UI's files come without a key of either kind.
    const auto page = body_of(ask("/index.html", ""));
    CHECK(has(page, "GET /index.html"));
    CHECK_FALSE(has(page, "inner"));
}

TEST_CASE("GET /v1/models is answered with and without llama-server") {
    ProxyFixture fixture(answering([](const std::string&) {
        return ok_answer(R"({"object":"list","data":[
            {"id":"model-file","status":{"value":"loaded"},"meta":{"n_ctx":4096}},
            {"id":"mmproj-file","status":{"value":"unloaded"}}]})");
    }));
    const bool up = GENERATE(true, false);
    CAPTURE(up);
    if (!up)
        fixture.upstream.set(
            [](server::Serving& serving) { serving.state = server::State::starting; });
    auto client = fixture.client();
    client.send(fixture.get("/v1/models"));
    const auto list = Json::parse(body_of(client.read_message()));
    REQUIRE(list["data"].size() == 2);
    CHECK(list["data"][0]["id"] == "model-file");
    CHECK(list["data"][1]["id"] == "friendly");
    for (const auto& entry : list["data"]) {
        CHECK(entry["status"]["value"] == (up ? "loaded" : "unloaded"));
        CHECK(entry["object"] == "model");
    }
    client.send(fixture.get("/v1/models/friendly"));
    CHECK(Json::parse(body_of(client.read_message()))["id"] == "friendly");
    client.send(fixture.get("/v1/models/nothing"));
    CHECK(status_of(client.read_message()) == 404);
}

TEST_CASE("Metrics and status load no model and need no llama-server") {
    ProxyPages pages;
    pages.status_json = [](const Traffic& traffic) {
        return concat(R"({"total":)", traffic.total, "}");
    };
    ProxyFixture fixture([](RawConnection&) { FAIL("llama-server was asked"); }, {}, pages);
    auto client = fixture.client();
    const auto ask = [&](std::string_view target) {
        client.send(fixture.get(target));
        return client.read_message();
    };
    CHECK(has(ask("/metrics"), "\nodysseus_ready 1\n"));
    CHECK(body_of(ask("/odysseus/status")) == R"({"total":0})");
    CHECK(status_of(ask("/odysseus")) == 200);
}
