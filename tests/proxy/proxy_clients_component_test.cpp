// What clients send that is not quite what llama-server takes, and errors in their own shape.
#include "proxy_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <nlohmann/json.hpp>

using namespace odysseus;
using namespace odysseus::proxy;
using namespace odysseus::test;
using std::chrono::milliseconds;

namespace {

using Json = nlohmann::json;

constexpr const char* k_body = R"({"model":"friendly","prompt":"one two one two one two"})";
constexpr const char* k_forwarded = R"({"model":"model-file","prompt":"one two one two one two"})";

// k_body as Python's gzip and zlib and the zstandard package pack it.
constexpr const char* k_gzip =
    "1f8b0800000000000203ab56cacd4f49cd51b2524a2bca4ccd4bc9a954d2512a28cacf2d28018ae5e7a52a9494e7"
    "2ba0d14ab500307fc8d437000000";
constexpr const char* k_zlib = "789cab56cacd4f49cd51b2524a2bca4ccd4bc9a954d2512a28cacf2d28018ae5e7"
                               "a52a9494e72ba0d14ab500148b132d";
constexpr const char* k_raw_deflate =
    "ab56cacd4f49cd51b2524a2bca4ccd4bc9a954d2512a28cacf2d28018ae5e7a52a9494e72ba0d14ab500";
constexpr const char* k_zstd = "28b52ffd24377d010084027b226d6f64656c223a22667269656e646c79222c2270"
                               "726f6d7074223a226f6e652074776f20227d01005e579ec0e1fde3";
// 100,002 bytes in 23.
constexpr const char* k_zstd_bomb = "28b52ffda0a28601005d0000185b205d01009c8639c002";

std::string bytes_of(std::string_view hex) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    return bytes;
}

// Answers with the request as it came.
RawServer::Script echo() {
    return answering([](const std::string& request) { return ok_answer(request, "text/plain"); });
}

std::string packed(std::string_view coding, std::string_view bytes) {
    return ProxyFixture::post(
        "/v1/completions", bytes,
        concat("Content-Type: application/json\r\nContent-Encoding: ", coding, "\r\n"));
}

std::string error_answer(int status, std::string_view body,
                         std::string_view type = "application/json") {
    return concat("HTTP/1.1 ", status, " Error\r\nContent-Type: ", type,
                  "\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
}

// The answer to one request.
std::string asked(ProxyFixture& fixture, std::string_view request) {
    auto client = fixture.client();
    client.send(request);
    return client.read_message();
}

void check_anthropic(const std::string& answer, std::string_view type) {
    CAPTURE(answer);
    const auto json = Json::parse(body_of(answer), nullptr, false);
    REQUIRE(json.is_object());
    CHECK(json.value("type", "") == "error");
    CHECK(json["error"].value("type", "") == type);
    CHECK_FALSE(json["error"].value("message", "").empty());
}

} // namespace

TEST_CASE("Packed bodies reach llama-server plain, with the name in its place") {
    const auto row = GENERATE(std::pair{"gzip", k_gzip}, std::pair{"X-GZip", k_gzip},
                              std::pair{"deflate", k_zlib}, std::pair{"deflate", k_raw_deflate},
                              std::pair{"zstd", k_zstd}, std::pair{"identity, gzip", k_gzip});
    CAPTURE(row.first);
    ProxyFixture fixture(echo());
    const auto answer = asked(fixture, packed(row.first, bytes_of(row.second)));
    CHECK(status_of(answer) == 200);
    const auto request = body_of(answer);
    CHECK(body_of(request) == k_forwarded);
    CHECK_FALSE(has(lowered(request), "content-encoding"));
    CHECK(has(request, concat("Content-Length: ", std::string_view(k_forwarded).size(), "\r\n")));
}

TEST_CASE("Packed bodies that are broken, cut off or something else are refused") {
    ProxyFixture fixture(echo());
    for (const auto* const coding : {"gzip", "deflate", "zstd"}) {
        const std::string whole = bytes_of(coding == std::string_view("gzip")   ? k_gzip
                                           : coding == std::string_view("zstd") ? k_zstd
                                                                                : k_zlib);
        CAPTURE(coding);
        auto client = fixture.client(); // the connection goes on
        for (const auto& bytes :
             {whole.substr(0, whole.size() / 2), whole.substr(0, whole.size() - 1),
              std::string(k_body), std::string("x")}) {
            client.send(packed(coding, bytes));
            const auto answer = client.read_message();
            CHECK(status_of(answer) == 400);
            CHECK(has(answer, "Content-Encoding"));
        }
        client.send(packed(coding, whole));
        CHECK(status_of(client.read_message()) == 200);
    }
    auto flipped = bytes_of(k_zlib);
    flipped.back() ^= 1; // its checksum
    CHECK(status_of(asked(fixture, packed("deflate", flipped))) == 400);
}

TEST_CASE("A coding that is not known is 415, with those that are") {
    ProxyFixture fixture(echo());
    for (const auto* const coding : {"br", "gzip, zstd", "compress", "gzip;q=1", "zip"}) {
        CAPTURE(coding);
        const auto answer = asked(fixture, packed(coding, "x"));
        CHECK(status_of(answer) == 415);
        CHECK(has(answer, "Accept-Encoding: gzip, deflate, zstd\r\n"));
        CHECK(has(answer, "gzip, deflate and zstd"));
    }
}

TEST_CASE("What comes of a packed body is within the limit of bodies") {
    ProxySettings settings;
    settings.limits.body_bytes_max = 54; // one less than k_body
    ProxyFixture fixture(echo(), settings);
    for (const auto& [coding, hex] :
         {std::pair{"zstd", k_zstd_bomb}, std::pair{"deflate", k_zlib}}) {
        CAPTURE(coding);
        const auto answer = asked(fixture, packed(coding, bytes_of(hex)));
        CHECK(status_of(answer) == 413);
        CHECK(has(answer, "unpacked"));
    }
}

TEST_CASE("JSON is forwarded as JSON, whatever the client calls it") {
    ProxyFixture fixture(echo());
    const auto large =
        concat(R"({"model":"friendly","prompt":")", std::string(100'000, 'a'), "\"}");
    for (const auto* const type : {"", "Content-Type: application/x-www-form-urlencoded\r\n",
                                   "Content-Type: text/plain\r\n"}) {
        CAPTURE(type);
        for (const auto& body : {std::string(k_body), large}) {
            const auto request =
                body_of(asked(fixture, fixture.post("/v1/completions", body, type)));
            CHECK(has(request, "Content-Type: application/json\r\n"));
            CHECK_FALSE(has(request, "urlencoded"));
            CHECK_FALSE(has(request, "text/plain"));
        }
    }
    const auto said =
        body_of(asked(fixture, fixture.post("/v1/completions", k_body,
                                            "Content-Type: application/json; charset=utf-8\r\n")));
    CHECK(has(said, "Content-Type: application/json; charset=utf-8\r\n"));
    const auto other = body_of(
        asked(fixture, fixture.post("/v1/completions", "no JSON", "Content-Type: a/b\r\n")));
    CHECK(has(other, "Content-Type: a/b\r\n"));
}

TEST_CASE("A form without a model gets the only one") {
    ProxyFixture fixture(echo());
    const auto answer =
        asked(fixture, fixture.post("/v1/audio/transcriptions",
                                    "--B\r\nContent-Disposition: form-data; name=\"file\"; "
                                    "filename=\"a\"\r\n\r\nRIFF\r\n--B--\r\n",
                                    "Content-Type: multipart/form-data; boundary=B\r\n"));
    CHECK(has(body_of(answer), "name=\"model\"\r\n\r\nmodel-file\r\n--B\r\n"));
    CHECK(has(body_of(answer), "RIFF\r\n--B--\r\n"));
}

TEST_CASE("Slashes too many and a second /v1 do what was meant") {
    ProxyFixture fixture(echo());
    for (const auto* const path : {"/v1/v1/completions", "//v1/completions", "/v1/completions/"}) {
        const auto request = body_of(asked(fixture, fixture.post(path, k_body)));
        CHECK(request.starts_with("POST /v1/completions HTTP/1.1\r\n"));
    }
    const auto beta = body_of(asked(fixture, fixture.post("/v1//messages/?beta=true", k_body)));
    CHECK(beta.starts_with("POST /v1/messages?beta=true HTTP/1.1\r\n"));
    CHECK(status_of(asked(fixture, fixture.get("/v1/v1/models/"))) == 200);
    const auto base = asked(fixture, fixture.get("/v1/"));
    CHECK(status_of(base) == 404);
    CHECK(has(base, "base URL"));
}

TEST_CASE("Errors on /v1/messages have Anthropic's shape, whoever makes them") {
    ProxySettings settings;
    settings.access.keys = {"k"};
    settings.limits.body_bytes_max = 1000;
    ProxyFixture fixture(answering([](const std::string& request) {
                             if (has(request, "GET /models")) return ok_answer(R"({"data":[]})");
                             if (has(request, "plain"))
                                 return error_answer(404, "Not Found", "text/plain");
                             return error_answer(
                                 400, R"({"error":{"code":400,"message":"no","type":"x"}})");
                         }),
                         settings);
    fixture.upstream.set([](server::Serving& serving) { serving.api_key = "inner"; });
    const auto post = [&](std::string_view body, std::string_view lines = "x-api-key: k\r\n") {
        return asked(fixture, fixture.post("/v1/messages?beta=true", body, lines));
    };
    check_anthropic(post(k_body, ""), "authentication_error");
    check_anthropic(post(k_body, "x-api-key: k\r\nOrigin: https://a.example\r\n"),
                    "permission_error");
    check_anthropic(post(R"({"model":"nobody"})"), "not_found_error");
    check_anthropic(post(std::string(1001, ' ')), "request_too_large");
    check_anthropic(post("x", "x-api-key: k\r\nContent-Encoding: br\r\n"), "invalid_request_error");
    check_anthropic(post(k_body), "invalid_request_error");
    check_anthropic(post(R"({"model":"friendly","a":"plain"})"), "not_found_error");
    check_anthropic(asked(fixture, "POST /v1/messages HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
                    "invalid_request_error");
    check_anthropic(asked(fixture, concat("POST /v1/messages HTTP/1.1\r\nHost: x\r\nA: ",
                                          std::string(40'000, 'a'))),
                    "invalid_request_error");
    const auto openai = asked(fixture, fixture.post("/v1/completions", k_body, "x-api-key: k\r\n"));
    CHECK(body_of(openai) == R"({"error":{"code":400,"message":"no","type":"x"}})");
}

TEST_CASE("Beyond the number of connections the answer is one that every client can read") {
    ProxySettings settings;
    settings.limits.connections_max = 1;
    ProxyFixture fixture(echo(), settings);
    auto first = fixture.client();
    first.send(fixture.get("/health"));
    CHECK(status_of(first.read_message()) == 200);
    auto second = fixture.client();
    const auto answer = second.read_last_message();
    CHECK(status_of(answer) == 503);
    check_anthropic(answer, "overloaded_error");
    CHECK(Json::parse(body_of(answer))["error"]["code"] == "too_many_connections");
}

TEST_CASE("A stream of messages that waited is told errors in its own shape") {
    ProxySettings settings;
    settings.sse_ping = milliseconds(50);
    Gate waited;
    ProxyFixture fixture(answering([&](const std::string&) {
                             (void)waited.wait();
                             return error_answer(
                                 400, R"({"error":{"code":400,"message":"no","type":"x"}})");
                         }),
                         settings);
    auto client = fixture.client();
    client.send(fixture.post("/v1/messages", R"({"model":"friendly","stream":true})"));
    (void)client.read_part([](std::string_view so_far) { return has(so_far, "event: ping"); });
    waited.open();
    const auto content = content_of(client.read_message());
    const auto at = content.find("event: error\ndata: ");
    REQUIRE(at != std::string::npos);
    const auto json = Json::parse(content.substr(at + 19));
    CHECK(json["type"] == "error");
    CHECK(json["error"]["message"] == "no");
}

TEST_CASE("A refusal names the Host or the Origin and the flag") {
    ProxyFixture fixture(echo());
    const auto host = asked(fixture, "GET /v1/models HTTP/1.1\r\nHost: box.lan:8080\r\n\r\n");
    CHECK(status_of(host) == 403);
    CHECK(has(host, "'box.lan:8080'"));
    CHECK(has(host, "--allow-host box.lan "));
    const auto origin =
        asked(fixture, fixture.get("/v1/models", "Origin: https://chat.example\r\n"));
    CHECK(status_of(origin) == 403);
    CHECK(has(origin, "--allow-origin https://chat.example "));
}

TEST_CASE("Containers on this machine and programs with a scheme of their own are let in") {
    ProxyFixture fixture(echo());
    const auto docker =
        concat("POST /v1/completions HTTP/1.1\r\nHost: host.docker.internal:8080\r\n"
               "Content-Length: ",
               std::string_view(k_body).size(), "\r\n\r\n", k_body);
    CHECK(status_of(asked(fixture, docker)) == 200);
    const auto app = asked(fixture, "OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                                    "Origin: app://obsidian.md\r\n"
                                    "Access-Control-Request-Method: POST\r\n\r\n");
    CHECK(status_of(app) == 204);
    CHECK(has(app, "Access-Control-Allow-Origin: app://obsidian.md\r\n"));
}

TEST_CASE("With keys any Host will do for who has one, and for nobody else") {
    ProxySettings settings;
    settings.access.keys = {"k"};
    ProxyFixture fixture(echo(), settings);
    fixture.upstream.set([](server::Serving& serving) { serving.api_key = "inner"; });
    const auto get = [&](std::string_view lines) {
        return asked(fixture,
                     concat("GET /props HTTP/1.1\r\nHost: odysseus:8080\r\n", lines, "\r\n"));
    };
    CHECK(status_of(get("x-api-key: k\r\n")) == 200);
    CHECK(status_of(get("x-api-key: wrong\r\n")) == 403);
    CHECK(status_of(get("")) == 403);
}

TEST_CASE("A browser that asks for a web UI that is not there is led to odysseus's page") {
    ProxyFixture fixture(answering([](const std::string&) {
        return error_answer(404, R"({"error":{"code":404,"message":"File Not Found"}})");
    }));
    const auto page = asked(fixture, fixture.get("/", "Accept: text/html,*/*;q=0.8\r\n"));
    CHECK(status_of(page) == 307);
    CHECK(has(page, "Location: /odysseus\r\n"));
    CHECK(status_of(asked(fixture, fixture.get("/", "Accept: */*\r\n"))) == 404);
    CHECK(status_of(asked(fixture, fixture.get("/x", "Accept: text/html\r\n"))) == 404);
}

TEST_CASE("A prompt that is too long is told with the context and the flag") {
    ProxyFixture fixture(answering([](const std::string&) {
        return error_answer(400,
                            R"({"error":{"code":400,"message":"request (9 tokens) exceeds","type":)"
                            R"("exceed_context_size_error","n_prompt_tokens":9,"n_ctx":8}})");
    }));
    for (const auto* const path : {"/v1/chat/completions", "/v1/messages"}) {
        const auto answer = asked(fixture, fixture.post(path, k_body));
        CHECK(status_of(answer) == 400);
        CHECK(has(answer, "prompt is too long: 9 tokens > 8 maximum"));
        CHECK(has(answer, "--ctx"));
    }
}

TEST_CASE("Models that nobody asks for are unloaded, and asked for again they are served") {
    ProxySettings settings;
    settings.idle_unload = milliseconds(200);
    std::mutex mutex;
    std::vector<std::string> unloads;
    bool loaded = true;
    ProxyFixture fixture(answering([&](const std::string& request) {
                             const std::lock_guard lock(mutex);
                             if (request.starts_with("POST /models/unload")) {
                                 unloads.push_back(body_of(request));
                                 loaded = false;
                                 return ok_answer(R"({"success":true})");
                             }
                             if (request.starts_with("GET /models"))
                                 return ok_answer(
                                     concat(R"({"data":[{"id":"model-file","status":{"value":")",
                                            loaded ? "loaded" : "unloaded", "\"}}]}"));
                             loaded = true;
                             return ok_answer("{}");
                         }),
                         settings);
    for (std::size_t turn = 1; turn <= 2; ++turn) {
        CHECK(status_of(asked(fixture, fixture.post("/v1/completions", k_body))) == 200);
        CHECK_FALSE(fixture.proxy.traffic().idle_unloaded);
        wait_until([&] { return fixture.proxy.traffic().idle_unloaded; });
        const std::lock_guard lock(mutex);
        CHECK(unloads.size() == turn);
        CHECK(unloads.back() == R"({"model":"model-file"})");
    }
    std::this_thread::sleep_for(milliseconds(500)); // as often as it would look
    const std::lock_guard lock(mutex);
    CHECK(unloads.size() == 2);
}

TEST_CASE("JSON that is no object is told so, not asked for a model") {
    ProxyFixture fixture(answering([&](const std::string&) {
        return error_answer(
            400, R"({"error":{"code":400,"message":"model name is missing from the request"}})");
    }));
    for (const char* body : {"[]", "5", "null"}) {
        CAPTURE(body);
        const auto answer = asked(fixture, fixture.post("/v1/chat/completions", body));
        CHECK(status_of(answer) == 400);
        CHECK(has(answer, "The body must be a JSON object."));
    }
}

TEST_CASE("llama-server's words for a wrong path and a broken body become ours, in each dialect") {
    struct Row {
        int status;
        const char* body;
        bool get;
        int told_status;
        const char* told;
    };
    const auto row = GENERATE(
        Row{404, R"({"error":{"code":404,"message":"File Not Found"}})", true, 405, "takes POST"},
        Row{400, R"({"error":{"code":400,"message":"model name is missing from the request"}})",
            true, 400, "add ?model=NAME to the address. There is: friendly."},
        Row{400, R"({"error":{"code":400,"message":"[json.exception.parse_error.101] x"}})", false,
            400, "The shell has changed"},
        Row{500, R"({"error":{"code":500,"message":"image input is not supported - hint: x"}})",
            false, 400, "sees no pictures"},
        Row{500,
            R"x({"error":{"code":500,"message":"input (9 tokens) is too large (current batch size: 5)"}})x",
            false, 400, "9 tokens > 5 maximum"});
    CAPTURE(row.body);
    ProxyFixture fixture(
        answering([&](const std::string&) { return error_answer(row.status, row.body); }));
    auto client = fixture.client();
    for (const std::string path : {"/v1/chat/completions", "/v1/messages", "/completion"}) {
        CAPTURE(path);
        client.send(row.get ? fixture.get(path)
                            : fixture.post(path, "{model:friendly,messages:[]}"));
        const auto answer = client.read_message();
        CHECK(status_of(answer) == row.told_status);
        CHECK(has(answer, row.told));
        CHECK(has(answer, R"("type":"error")") == (path == "/v1/messages"));
    }
}
