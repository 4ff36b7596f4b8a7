#include "proxy_fixture.hpp"

#include "odysseus/base/error.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <thread>

using namespace odysseus;
using namespace odysseus::proxy;
using namespace odysseus::test;

namespace {

void no_llama(RawConnection&) {}

std::string post(const std::string& body, const std::string& lines = {}) {
    return concat("POST /odysseus/pull HTTP/1.1\r\nHost: 127.0.0.1\r\n", lines,
                  "Content-Length: ", body.size(), "\r\n\r\n", body);
}

const std::string k_named = R"({"model": "org/repo:Q4"})";

} // namespace

TEST_CASE("a pull for the page: each step is a line, and the connection goes on") {
    ProxyPages pages;
    pages.pull = [](const std::string& name, const LineWork& work) {
        work.tell(concat("{\"one\":\"", name, "\"}"));
        work.tell("{\"two\":2}");
    };
    ProxyFixture fixture(no_llama, {}, pages);
    auto client = fixture.client();
    client.send(post(k_named));
    const auto answer = client.read_message();
    CHECK(status_of(answer) == 200);
    CHECK(has(answer, "Content-Type: application/x-ndjson\r\n"));
    CHECK(content_of(answer) == "{\"one\":\"org/repo:Q4\"}\n{\"two\":2}\n");
    client.send(fixture.get("/health"));
    CHECK(status_of(client.read_message()) == 200);
}

TEST_CASE("a pull that fails at once has a status, a later one a last line") {
    ProxyPages pages;
    std::atomic<bool> begun{false};
    Fault fault = Fault::usage;
    pages.pull = [&](const std::string&, const LineWork& work) {
        if (begun) work.tell("{}");
        throw Error(fault, "there is \"nothing\"");
    };
    ProxyFixture fixture(no_llama, {}, pages);
    auto client = fixture.client();
    for (const auto& [kind, status] : {std::pair{Fault::usage, 400},
                                       {Fault::busy, 409},
                                       {Fault::network, 502},
                                       {Fault::integrity, 502},
                                       {Fault::bug, 500}}) {
        fault = kind;
        client.send(post(k_named));
        const auto answer = client.read_message();
        CHECK(status_of(answer) == status);
        CHECK(has(answer, "there is \\\"nothing\\\""));
    }
    begun = true;
    client.send(post(k_named));
    const auto answer = client.read_message();
    CHECK(status_of(answer) == 200);
    CHECK(has(answer, "\"error\""));
    CHECK(has(answer, "there is \\\"nothing\\\""));
}

TEST_CASE("a pull ends when its client goes, and when odysseus stops") {
    ProxyPages pages;
    std::atomic<int> running{0};
    pages.pull = [&](const std::string&, const LineWork& work) {
        ++running;
        work.tell("{}");
        while (!work.unwanted())
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        --running;
    };
    ProxyFixture fixture(no_llama, {}, pages);
    {
        auto client = fixture.client();
        client.send(post(k_named));
        wait_until([&] { return running == 1; });
    }
    wait_until([&] { return running == 0; });
    auto client = fixture.client();
    client.send(post(k_named));
    wait_until([&] { return running == 1; });
    fixture.proxy.stop(std::chrono::milliseconds(0));
    CHECK(running == 0);
}

TEST_CASE("a pull is guarded like everything else, and its body is checked") {
    ProxySettings settings;
    settings.access.keys = {"right"};
    ProxyPages pages;
    std::atomic<int> calls{0};
    pages.pull = [&](const std::string&, const LineWork&) { ++calls; };
    pages.pull_offer = [] { return std::string("{\"starters\":[]}"); };
    ProxyFixture fixture(no_llama, settings, pages);
    const std::string key = "Authorization: Bearer right\r\n";
    const auto answer = [&](const std::string& request) {
        auto client = fixture.client();
        client.send(request);
        return client.read_message();
    };
    CHECK(status_of(answer(post(k_named))) == 401);
    CHECK(status_of(answer(fixture.get("/odysseus/pull"))) == 401);
    CHECK(status_of(answer(post(k_named, key + "Origin: https://evil.example\r\n"))) == 403);
    for (const std::string body : {"", "{}", "[]", "{\"model\": 1}", "{\"model\": \"\"}", "\"x\"",
                                   "{\"model\": \"a/b\"", "\xff"})
        CHECK(status_of(answer(post(body, key))) == 400);
    CHECK(status_of(answer(post(concat(R"({"model": ")", std::string(5000, 'x'), R"("})"), key))) ==
          400);
    CHECK(calls == 0);
    CHECK(body_of(answer(fixture.get("/odysseus/pull", key))) == "{\"starters\":[]}");
    CHECK(status_of(answer(post(k_named, key))) == 200);
    CHECK(calls == 1);
}

TEST_CASE("where nobody fetches models, none is offered") {
    ProxyFixture fixture(no_llama);
    auto client = fixture.client();
    client.send(fixture.get("/odysseus/pull"));
    CHECK(status_of(client.read_message()) == 404);
    client.send(post(k_named));
    CHECK(status_of(client.read_message()) == 404);
}
