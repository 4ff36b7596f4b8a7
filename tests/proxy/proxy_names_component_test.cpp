// Models that are not known yet, or not at all, and who is told of them.
#include "proxy_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace odysseus;
using namespace odysseus::proxy;
using namespace odysseus::test;
using std::chrono::milliseconds;

namespace {

bool is_list(const std::string& request) {
    return request.starts_with("GET /models") || request.starts_with("GET /v1/models");
}

std::string chat(std::string_view model) {
    return ProxyFixture::post("/v1/chat/completions", concat(R"({"model":")", model, R"("})"));
}

} // namespace

TEST_CASE("An unknown name costs one look at the folder, however long the look takes") {
    const bool folder_is_slow = GENERATE(true, false); // else llama-server does not answer
    CAPTURE(folder_is_slow);
    ProxySettings settings;
    settings.limits.own_question = milliseconds(1300);
    ProxyFixture fixture(
        [&](RawConnection& connection) {
            while (true) {
                const auto request = connection.read_message();
                if (request.empty()) return;
                if (is_list(request) && !folder_is_slow) {
                    (void)connection.ends_within(k_patience);
                    return;
                }
                connection.send(ok_answer(R"({"data":[]})"));
            }
        },
        settings);
    fixture.models.on_refresh = [&] {
        if (folder_is_slow) std::this_thread::sleep_for(milliseconds(1200));
    };
    auto client = fixture.client();
    client.send(chat("nobody"));
    CHECK(status_of(client.read_message()) == 404);
    CHECK(fixture.models.refreshes() == 1);
}

TEST_CASE("All requests for a model that was just added wait for the look that finds it") {
    const bool in_folder = GENERATE(true, false); // else it is llama-server's own
    CAPTURE(in_folder);
    Gate begun;
    Gate go;
    ProxyFixture fixture(answering([&](const std::string& request) {
        if (!is_list(request)) return ok_answer(body_of(request));
        if (!in_folder) {
            begun.open();
            (void)go.wait();
        }
        return ok_answer(in_folder ? R"({"data":[]})" : R"({"data":[{"id":"new"}]})");
    }));
    if (in_folder) {
        fixture.models.add_later("new", "new-file");
        fixture.models.on_refresh = [&] {
            begun.open();
            (void)go.wait();
        };
    }
    std::vector<RawConnection> clients;
    for (int i = 0; i < 4; ++i) {
        clients.push_back(fixture.client());
        clients.back().send(chat("new"));
        if (i == 0) REQUIRE(begun.wait());
    }
    auto other = fixture.client(); // asked after them, answered while they wait
    other.send(fixture.get("/health"));
    CHECK(status_of(other.read_message()) == 200);
    go.open();
    for (auto& client : clients) {
        const auto answer = client.read_message();
        CHECK(status_of(answer) == 200);
        CHECK(body_of(answer) == concat(R"({"model":")", in_folder ? "new-file" : "new", R"("})"));
    }
}

TEST_CASE("A model that is added right after a name was looked for in vain is found") {
    ProxyFixture fixture(answering([](const std::string& request) {
        return ok_answer(is_list(request) ? R"({"data":[]})" : body_of(request));
    }));
    auto client = fixture.client();
    client.send(chat("nobody"));
    CHECK(status_of(client.read_message()) == 404);
    fixture.models.add_later("new", "new-file");
    client.send(chat("new"));
    CHECK(status_of(client.read_message()) == 200);
}

TEST_CASE("Many unknown names cost few looks") {
    ProxyFixture fixture(answering([](const std::string& request) {
        return ok_answer(is_list(request) ? R"({"data":[]})" : body_of(request));
    }));
    constexpr int k_clients = 60;
    std::vector<RawConnection> clients;
    for (int i = 0; i < k_clients; ++i) {
        clients.push_back(fixture.client());
        clients.back().send(chat(concat("nobody-", i)));
    }
    for (auto& client : clients)
        CHECK(status_of(client.read_message()) == 404);
    CHECK(fixture.models.refreshes() < k_clients / 4);
}

TEST_CASE("A client that leaves while its name is looked for leaves no trace") {
    Gate begun;
    Gate go;
    ProxyFixture fixture(answering([](const std::string& request) {
        return ok_answer(is_list(request) ? R"({"data":[]})" : body_of(request));
    }));
    fixture.models.on_refresh = [&] {
        begun.open();
        (void)go.wait();
    };
    auto first = fixture.client();
    first.send(chat("nobody"));
    REQUIRE(begun.wait());
    first.close();
    auto second = fixture.client();
    second.send(chat("nobody"));
    wait_until([&] { return fixture.proxy.traffic().connections == 1; });
    go.open();
    CHECK(status_of(second.read_message()) == 404);
}

TEST_CASE("Without a key nobody is told of models, nor makes odysseus look for one") {
    ProxySettings settings;
    settings.access.keys = {"secret"};
    std::mutex mutex;
    std::string seen; // by llama-server
    ProxyFixture fixture(answering([&](const std::string& request) {
                             const std::lock_guard lock(mutex);
                             seen += request;
                             return ok_answer("file");
                         }),
                         settings);
    fixture.upstream.set([](server::Serving& serving) { serving.api_key = "inner"; });
    const std::string requests[] = {
        fixture.get("/x.js?model=e"),
        fixture.get("/x.js?model=frendly"),
        fixture.get("/x.js?model=friendly"),
        fixture.get("/index.html?a=b&model=friendly&autoload=true"),
        fixture.get("/x.js?mod%65l=frendl%79"),
        fixture.get("/_app/immutable/x.css?model=friendly"),
        concat("GET /x.js HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n",
               R"({"model":"friendly"})"),
    };
    for (const auto& request : requests) {
        CAPTURE(request);
        auto client = fixture.client();
        client.send(request);
        const auto answer = client.read_message();
        CHECK_FALSE(has(answer, "friendly"));
        CHECK_FALSE(has(answer, "model-file"));
    }
    CHECK(fixture.models.refreshes() == 0);
    const std::lock_guard lock(mutex);
    CHECK_FALSE(has(seen, "/models"));
    CHECK_FALSE(has(seen, "?model"));
    CHECK_FALSE(has(seen, "model-file"));
    CHECK_FALSE(has(seen, "inner"));
}

TEST_CASE("Without a key nobody waits for a model's turn, or holds one up") {
    ProxySettings settings;
    settings.access.keys = {"secret"};
    Gate go;
    ProxyFixture fixture(
        [&](RawConnection& connection) {
            while (true) {
                const auto request = connection.read_message();
                if (request.empty()) return;
                if (has(request, "model-file")) (void)go.wait();
                connection.send(ok_answer("{}"));
            }
        },
        settings);
    fixture.upstream.set([](server::Serving& serving) { serving.api_key = "inner"; });
    fixture.models.add_later("other", "other-file");
    CHECK(fixture.models.refresh());
    auto user = fixture.client();
    user.send(fixture.post("/v1/chat/completions", R"({"model":"friendly"})",
                           "Authorization: Bearer secret\r\n"));
    wait_until([&] { return fixture.proxy.traffic().active == 1; });
    auto outsider = fixture.client();
    outsider.send(fixture.get("/x.js?model=other"));
    CHECK(status_of(outsider.read_message()) != 0); // at once, whatever it is
    go.open();
    CHECK(status_of(user.read_message()) == 200);
}

TEST_CASE(
    "A request that names no model is for the only one of its kind, else it is told of them") {
    ProxyFixture fixture(answering([](const std::string& request) {
        return ok_answer(is_list(request) ? R"({"data":[]})" : body_of(request));
    }));
    fixture.models.add_later("vectors", "vectors-file");
    REQUIRE(fixture.models.refresh());
    fixture.models.set_fallback("");
    auto client = fixture.client();
    const auto ask = [&](const char* path, const char* body) {
        client.send(fixture.post(path, body));
        return client.read_message();
    };
    const bool two_chat_models = GENERATE(true, false);
    CAPTURE(two_chat_models);
    if (!two_chat_models) fixture.models.set_kind("vectors-file", models::ModelKind::embedding);
    for (const char* path : {"/v1/chat/completions", "/v1/messages", "/completion"}) {
        CAPTURE(path);
        for (const char* body : {R"({"max_tokens":1})", R"({"model":"","max_tokens":1})",
                                 R"({"max_tokens":1,"model":null})", "{}"}) {
            const auto answer = ask(path, body);
            if (!two_chat_models) {
                CHECK(status_of(answer) == 200);
                CHECK(has(body_of(answer), R"("model":"model-file")"));
                continue;
            }
            CHECK(status_of(answer) == 400);
            for (const char* part : {"names no model", "friendly", "vectors", "--default-model"})
                CHECK(has(body_of(answer), part));
        }
    }
    const auto of_a_number = ask("/v1/chat/completions", R"({"model":5})");
    CHECK(status_of(of_a_number) == 400);
    CHECK(has(of_a_number, "names no model"));
    if (two_chat_models) {
        CHECK(has(ask("/v1/messages", "{}"), R"("type":"invalid_request_error")"));
        const auto ollama =
            body_of(ask("/api/chat", R"({"messages":[{"role":"user","content":"a"}]})"));
        CHECK(has(ollama, R"({"error":"The request names no model)"));
    } else {
        CHECK(has(ask("/v1/embeddings", R"({"input":"a"})"), R"("model":"vectors-file")"));
        CHECK(status_of(ask("/v1/rerank", R"({"query":"a"})")) == 400);
        fixture.models.set_fallback("model-file");
        CHECK(has(ask("/v1/embeddings", R"({"input":"a"})"), R"("model":"vectors-file")"));
        CHECK(has(ask("/v1/rerank", R"({"query":"a"})"), R"("model":"model-file")"));
    }
}
