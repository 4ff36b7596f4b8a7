// Models that are not known yet, or not at all, and who is told of them.
#include "proxy_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace odysseus;
using namespace odysseus::test;
using std::chrono::milliseconds;

namespace {

bool is_list(const std::string& request) {
    return request.starts_with("GET /models") || request.starts_with("GET /v1/models");
}

std::string chat(std::string_view model) {
    return ProxyFixture::post("/v1/chat/completions", cat(R"({"model":")", model, R"("})"));
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
        CHECK(body_of(answer) == cat(R"({"model":")", in_folder ? "new-file" : "new", R"("})"));
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
        clients.back().send(chat(cat("nobody-", i)));
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
