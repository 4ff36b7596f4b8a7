// Ollama's API between a raw client and a raw llama-server.
#include "proxy_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <nlohmann/json.hpp>

using namespace odysseus;
using namespace odysseus::proxy;
using namespace odysseus::test;
using nlohmann::json;
using std::chrono::milliseconds;

namespace {

const std::string k_chunked = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                              "Transfer-Encoding: chunked\r\n\r\n";
const std::string k_chat =
    R"({"model":"friendly","messages":[{"role":"user","content":"hi"}],"options":{"num_ctx":9}})";

std::string event(std::string_view content, std::string_view finish = "null") {
    return chunk(concat(R"(data: {"choices":[{"index":0,"finish_reason":)", finish,
                        R"(,"delta":{"content":")", content, R"("}}]})", "\n\n"));
}
const std::string k_end = event("", "\"stop\"") + chunk("data: [DONE]\n\n") + "0\r\n\r\n";

std::vector<json> lines_in(std::string_view content) {
    std::vector<json> all;
    REQUIRE(content.ends_with('\n'));
    content.remove_suffix(1);
    for (const auto line : split(content, '\n')) {
        all.push_back(json::parse(line));
        REQUIRE(all.back().is_object());
    }
    return all;
}

ProxySettings pinging(milliseconds every) {
    ProxySettings settings;
    settings.sse_ping = every;
    return settings;
}

} // namespace

TEST_CASE("Ollama: a streamed chat is lines of JSON, as they come") {
    Gate go;
    std::string asked;
    ProxyFixture fixture([&](RawConnection& connection) {
        asked = connection.read_message();
        if (asked.empty()) return;
        connection.send(k_chunked + event("a"));
        (void)go.wait();
        connection.send(event("b") + k_end);
    });
    auto client = fixture.client();
    client.send(fixture.post("/api/chat", k_chat, "Content-Type: text/plain\r\n"));
    const auto begun = client.read_part([](std::string_view bytes) { return has(bytes, "\"a\""); });
    CHECK(has(begun, "Content-Type: application/x-ndjson\r\n"));
    CHECK(has(begun, "Odysseus-Not-Applied: num_ctx\r\n"));
    go.open();
    const auto lines = lines_in(content_of(client.read_message()));
    REQUIRE(lines.size() == 3);
    CHECK(lines[0]["model"] == "friendly");
    CHECK(lines[1]["message"]["content"] == "b");
    CHECK(lines[2]["done"] == true);
    CHECK(has(asked, "POST /v1/chat/completions HTTP/1.1\r\n"));
    CHECK(has(asked, "Content-Type: application/json\r\n"));
    CHECK_FALSE(has(asked, "text/plain"));
    CHECK(json::parse(body_of(asked))["model"] == "model-file");
    client.send(fixture.get("/api/version")); // and the connection goes on
    CHECK(json::parse(body_of(client.read_message())).contains("version"));
}

TEST_CASE("Ollama: HTTP/1.0 gets its lines until the connection ends") {
    ProxyFixture fixture(
        answering([](const std::string&) { return k_chunked + event("a") + k_end; }));
    auto client = fixture.client();
    client.send(concat("POST /api/chat HTTP/1.0\r\nHost: localhost\r\nContent-Length: ",
                       k_chat.size(), "\r\n\r\n", k_chat));
    CHECK(lines_in(body_of(client.read_last_message())).size() == 2);
}

TEST_CASE("Ollama: what is not streamed is one object") {
    ProxyFixture fixture(answering([](const std::string& request) {
        if (has(request, "POST /tokenize")) return ok_answer(R"({"tokens":[]})");
        if (has(request, "POST /models/unload")) return ok_answer(R"({"success":true})");
        if (has(request, "POST /v1/embeddings"))
            return ok_answer(R"({"data":[{"embedding":[1,0],"index":0}]})");
        return ok_answer(R"({"choices":[{"finish_reason":"stop","message":{"content":"hello"}}]})");
    }));
    auto client = fixture.client();
    const auto ask = [&](std::string_view path, std::string_view body) {
        client.send(fixture.post(path, body));
        const auto answer = client.read_message();
        CHECK(status_of(answer) == 200);
        CHECK(has(answer, "Content-Type: application/json"));
        return json::parse(body_of(answer));
    };
    CHECK(ask("/api/generate", R"({"model":"friendly","prompt":"a","stream":false})")["response"] ==
          "hello");
    CHECK(ask("/api/generate", R"({"model":"friendly"})")["done_reason"] == "load");
    CHECK(ask("/api/chat", R"({"model":"friendly","keep_alive":0})")["done_reason"] == "unload");
    CHECK(ask("/api/embed", R"({"input":"a"})")["embeddings"] == json{{1, 0}});
    CHECK(ask("/api/embeddings", R"({"model":"friendly","prompt":"a"})")["embedding"] ==
          json{1, 0});
}

TEST_CASE("Ollama: errors have its shape and their status") {
    ProxyFixture fixture(answering([](const std::string&) {
        return std::string("HTTP/1.1 400 Bad\r\nContent-Length: 31\r\n\r\n"
                           R"({"error":{"message":"too long"}})");
    }));
    auto client = fixture.client();
    const struct {
        std::string request;
        int status;
        const char* words;
    } rows[] = {
        {fixture.post("/api/chat", R"({"model":"nope","messages":[]})"), 404,
         "model 'nope' not found; did you mean: friendly?"},
        {fixture.post("/api/show", R"({"model":"nope"})"), 404, "did you mean"},
        {fixture.post("/api/show", "{}"), 400, "model is required"},
        {fixture.post("/api/chat", "x"), 400, "JSON object"},
        {fixture.post("/api/chat", k_chat), 400, "too long"},
        {fixture.post("/api/create", "{}"), 501, "creates no models"},
        {fixture.post("/api/pull", R"({"model":"llama3.2"})"), 404, "hf.co"},
        {fixture.post("/api/pull", R"({"model":"org/repo"})"), 501, "fetches no models"},
        {fixture.get("/api/v0/models"), 404, "/v1"},
        {fixture.get("/api/chat"), 405, "GET"},
        {"GET /api/tags HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403, "allow-host"},
        {fixture.get("/api/tags", "Origin: https://evil.example\r\n"), 403, "allow-origin"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.request);
        client.send(row.request);
        const auto answer = client.read_message();
        CHECK(status_of(answer) == row.status);
        const auto error = json::parse(body_of(answer));
        CHECK(error.size() == 1);
        CHECK(has(error["error"].get<std::string>(), row.words));
    }
}

TEST_CASE("Ollama: its endpoints ask for the key") {
    ProxySettings settings;
    settings.access.keys = {"secret"};
    ProxyFixture fixture(answering([](const std::string&) { return ok_answer("{}"); }), settings);
    auto client = fixture.client();
    for (const char* const path : {"/api/tags", "/api/version", "/api/ps"}) {
        client.send(fixture.get(path));
        const auto answer = client.read_message();
        CHECK(status_of(answer) == 401);
        CHECK(json::parse(body_of(answer))["error"].is_string());
        client.send(fixture.get(path, "Authorization: Bearer secret\r\n"));
        CHECK(status_of(client.read_message()) == 200);
    }
}

TEST_CASE("Ollama: while a stream waits its client gets objects that say nothing") {
    const bool fails = GENERATE(false, true);
    CAPTURE(fails);
    Gate go;
    ProxyFixture fixture(
        [&](RawConnection& connection) {
            if (connection.read_message().empty()) return;
            (void)go.wait();
            connection.send(fails ? "HTTP/1.1 500 X\r\nContent-Length: 33\r\n\r\n"
                                    R"({"error":{"message":"no memory"}})"
                                  : k_chunked + event("a") + k_end);
        },
        pinging(milliseconds(50)));
    auto client = fixture.client();
    client.send(fixture.post("/api/generate", R"({"model":"friendly","prompt":"a"})"));
    const auto begun = client.read_part([](std::string_view bytes) {
        const auto first = bytes.find("\"done\":false");
        return first != std::string_view::npos &&
               bytes.find("\"done\":false", first + 1) != std::string_view::npos;
    });
    CHECK(status_of(begun) == 200);
    go.open();
    const auto lines = lines_in(content_of(client.read_message()));
    REQUIRE(lines.size() >= 3);
    CHECK(lines[0]["response"] == "");
    if (fails) {
        CHECK(lines.back() == json{{"error", "no memory"}});
    } else {
        CHECK(lines[lines.size() - 2]["response"] == "a");
        CHECK(lines.back()["done"] == true);
    }
    client.send(fixture.get("/api/version"));
    CHECK(status_of(client.read_message()) == 200);
}

TEST_CASE("Ollama: an answer that breaks off ends with a line that says so") {
    const std::string end = GENERATE("", "data: {\"cho", "proxy error: Failed to read connection");
    CAPTURE(end);
    ProxyFixture fixture([&](RawConnection& connection) {
        if (connection.read_message().empty()) return;
        connection.send(k_chunked + event("a") + (end.empty() ? "" : chunk(end)));
        if (end.starts_with("proxy")) connection.send("0\r\n\r\n");
    });
    auto client = fixture.client();
    client.send(fixture.post("/api/chat", k_chat));
    const auto lines = lines_in(content_of(client.read_message())); // whole HTTP all the same
    REQUIRE(lines.size() == 2);
    CHECK(has(lines[1]["error"].get<std::string>(), "ended in the middle"));
    CHECK(fixture.proxy.traffic().cut == 1);
}

TEST_CASE("Ollama: a client that hangs up ends llama-server's work") {
    Gate gone;
    ProxyFixture fixture([&](RawConnection& connection) {
        if (connection.read_message().empty()) return;
        connection.send(k_chunked + event("a"));
        if (connection.ends_within(k_patience)) gone.open();
    });
    auto client = fixture.client();
    client.send(fixture.post("/api/chat", k_chat));
    (void)client.read_part([](std::string_view bytes) { return has(bytes, "\"a\""); });
    client.close();
    CHECK(gone.wait());
}

TEST_CASE("Ollama: a failure that is cured is not seen") {
    std::atomic<int> asked{0};
    ProxyFixture fixture(answering([&](const std::string&) {
        return ++asked == 1 ? "HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\n{}"
                            : k_chunked + event("a") + k_end;
    }));
    fixture.upstream.on_report = [](const server::Failure& failure,
                                    const server::GaveUp&) -> server::Verdict {
        CHECK(failure.model == "model-file");
        return server::Replay{};
    };
    auto client = fixture.client();
    client.send(fixture.post("/api/chat", k_chat));
    CHECK(lines_in(content_of(client.read_message())).size() == 2);
}

TEST_CASE("Ollama: lists of models") {
    ProxyFixture fixture(answering([](const std::string&) {
        return ok_answer(
            R"({"data":[{"id":"model-file","status":{"value":"loaded"},"meta":{"n_ctx":77}},
            {"id":"org/cached:Q4","status":{"value":"unloaded"}}]})");
    }));
    auto client = fixture.client();
    client.send(fixture.get("/api/tags"));
    const auto tags = json::parse(body_of(client.read_message()))["models"];
    REQUIRE(tags.size() == 2);
    CHECK(tags[0]["name"] == "friendly:latest");
    CHECK(tags[0]["digest"].get<std::string>().size() == 64);
    CHECK(tags[1]["name"] == "org/cached:Q4");
    client.send(fixture.get("/api/ps"));
    const auto ps = json::parse(body_of(client.read_message()))["models"];
    REQUIRE(ps.size() == 1);
    CHECK(ps[0]["context_length"] == 77);
    client.send(fixture.post("/api/show", R"({"model":"friendly"})"));
    const auto shown = json::parse(body_of(client.read_message()));
    CHECK(shown["capabilities"] == json{"completion"});
    client.send(fixture.post("/api/show", R"({"name":"org/cached:Q4"})"));
    CHECK(status_of(client.read_message()) == 200);
}

TEST_CASE("Ollama: keep_alive 0 unloads the model when nobody uses it any more") {
    Gate unloaded;
    Gate go;
    std::atomic<int> at_a_time{0};
    ProxyFixture fixture([&](RawConnection& connection) {
        for (auto request = connection.read_message(); !request.empty();
             request = connection.read_message()) {
            if (has(request, "POST /models/unload")) {
                CHECK(at_a_time == 0);
                CHECK(body_of(request) == R"({"model":"model-file"})");
                connection.send(ok_answer("{}"));
                unloaded.open();
                continue;
            }
            ++at_a_time;
            const bool waits = has(request, "waits");
            if (waits) (void)go.wait();
            --at_a_time;
            connection.send(
                ok_answer(R"({"choices":[{"finish_reason":"stop","message":{"content":"a"}}]})"));
        }
    });
    auto slow = fixture.client();
    slow.send(
        fixture.post("/api/generate", R"({"model":"friendly","prompt":"waits","stream":false})"));
    wait_until([&] { return at_a_time == 1; });
    auto client = fixture.client();
    client.send(fixture.post("/api/generate",
                             R"({"model":"friendly","prompt":"a","stream":false,"keep_alive":0})"));
    CHECK(status_of(client.read_message()) == 200);
    client.close(); // the unload does not need it
    go.open();
    CHECK(status_of(slow.read_message()) == 200);
    CHECK(unloaded.wait());
}

TEST_CASE("Ollama: its own port says that it runs, and has the same guards") {
    ProxyFixture fixture(answering([](const std::string&) { return ok_answer("web UI"); }));
    CHECK(fixture.proxy.ollama_port() == 0);
    ProxySettings settings;
    settings.access.keys = {"secret"};
    Proxy proxy(settings, fixture.upstream, fixture.models, {});
    proxy.listen("127.0.0.1", 0);
    proxy.listen_as_ollama("localhost", 0);
    proxy.start();
    REQUIRE(proxy.ollama_port() != 0);
    REQUIRE(proxy.ollama_port() != proxy.port());
    auto client = connect_raw(proxy.ollama_port());
    client.send(fixture.get("/"));
    const auto running = client.read_message();
    CHECK(body_of(running) == "Ollama is running");
    CHECK(has(running, "Content-Type: text/plain"));
    client.send("HEAD / HTTP/1.1\r\nHost: localhost:11434\r\n\r\n");
    CHECK(status_of(client.read_answer_to_head()) == 200);
    client.send("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    CHECK(status_of(client.read_message()) == 403);
    client.send(fixture.get("/api/tags"));
    CHECK(status_of(client.read_message()) == 401);
    client.send(fixture.get("/v1/models", "x-api-key: secret\r\n"));
    CHECK(status_of(client.read_message()) == 200);
    auto other = connect_raw(proxy.port());
    other.send(fixture.get("/", "x-api-key: secret\r\n"));
    CHECK(body_of(other.read_message()) == "web UI");
    proxy.stop(milliseconds(0));
}
