// What fails around the proxy: exceptions of those it asks, descriptors, memory. One request may be
// lost by it, never the process or another client.
#include "odysseus/base/error.hpp"

#include "proxy_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <fcntl.h>
#include <fstream>
#include <netinet/in.h>
#include <new>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace odysseus;
using namespace odysseus::proxy;
using namespace odysseus::test;
using Json = nlohmann::json;
using std::chrono::milliseconds;

namespace {

const std::string k_failure = "HTTP/1.1 500 X\r\nContent-Length: 14\r\n\r\n{\"error\":\"up\"}";
constexpr std::string_view k_list = R"({"data":[{"id":"model-file"}]})";

RawServer::Script well() {
    return answering([](const std::string& request) {
        return ok_answer(request.starts_with("GET /models") ? std::string(k_list)
                                                            : body_of(request));
    });
}

struct NoException {};

void throw_one(int kind) {
    if (kind == 0) throw Error(Fault::usage, "writing models.ini: No space left on device");
    if (kind == 1) throw std::bad_alloc();
    throw NoException();
}

std::string chat(std::string_view model, std::size_t prompt_bytes = 2) {
    return ProxyFixture::post(
        "/v1/chat/completions",
        concat(R"({"model":")", model, R"(","prompt":")", std::string(prompt_bytes, 'x'), R"("})"));
}

bool serves(const ProxyFixture& fixture) {
    auto client = fixture.client();
    client.send(chat("friendly"));
    return status_of(client.read_message()) == 200;
}

// The request gets an error, or its connection ends; it is not forgotten.
bool fails_cleanly(RawConnection& client) {
    try {
        return status_of(client.read_message()) >= 500;
    } catch (const BadHttp&) {
        return client.ended();
    }
}

} // namespace

TEST_CASE("A look at the folder that fails costs no request") {
    const int kind = GENERATE(0, 1, 2);
    CAPTURE(kind);
    ProxyFixture fixture(well());
    fixture.models.on_refresh = [kind] { throw_one(kind); };
    auto client = fixture.client();
    client.send(fixture.get("/v1/models"));
    const auto list = client.read_message();
    CHECK(status_of(list) == 200);
    CHECK(Json::parse(body_of(list))["data"].size() == 2);
    client.send(chat("nobody"));
    CHECK(status_of(client.read_message()) == 404);
    client.send(chat("friendly"));
    CHECK(status_of(client.read_message()) == 200);
}

TEST_CASE("A verdict that fails passes llama-server's answer on") {
    const int kind = GENERATE(0, 1, 2);
    CAPTURE(kind);
    std::atomic<int> asked{0};
    ProxyFixture fixture(
        answering([&](const std::string&) { return ++asked == 1 ? k_failure : ok_answer("{}"); }));
    fixture.upstream.on_report = [kind](const server::Failure&,
                                        const server::GaveUp&) -> server::Verdict {
        throw_one(kind);
        return server::PassOn{};
    };
    auto client = fixture.client();
    client.send(chat("friendly"));
    const auto answer = client.read_message();
    CHECK(status_of(answer) == 500);
    CHECK(body_of(answer) == R"({"error":"up"})");
    CHECK(serves(fixture));
}

TEST_CASE("Waiting for llama-server that fails once goes on") {
    const int kind = GENERATE(0, 1, 2);
    CAPTURE(kind);
    std::atomic<int> waits{0};
    ProxyFixture fixture(well());
    fixture.upstream.on_wait = [&] {
        if (++waits == 1) throw_one(kind);
    };
    fixture.upstream.set([](server::Serving& serving) { serving.state = server::State::starting; });
    auto client = fixture.client();
    client.send(chat("friendly"));
    wait_until([&] { return waits >= 1; });
    fixture.upstream.set([](server::Serving& serving) { serving.state = server::State::ready; });
    CHECK(status_of(client.read_message()) == 200);
}

TEST_CASE("A name that cannot be looked up costs its own request alone") {
    const bool after_the_look = GENERATE(true, false);
    CAPTURE(after_the_look);
    ProxyFixture fixture(well());
    std::atomic<int> lookups{0};
    std::atomic<bool> throws{true};
    fixture.models.on_lookup = [&](std::string_view asked) {
        if (asked == "nobody" && throws && ++lookups > (after_the_look ? 1 : 0)) throw_one(1);
    };
    auto client = fixture.client();
    client.send(chat("nobody"));
    CHECK(fails_cleanly(client));
    CHECK(serves(fixture));
    throws = false;
    auto next = fixture.client();
    next.send(chat("nobody"));
    CHECK(status_of(next.read_message()) == 404);
}

TEST_CASE("A page that cannot be made costs its own request alone") {
    const int kind = GENERATE(0, 1);
    CAPTURE(kind);
    ProxyPages pages;
    pages.status_json = [kind](const Traffic&) -> std::string {
        throw_one(kind);
        return "";
    };
    ProxyFixture fixture(well(), {}, pages);
    auto client = fixture.client();
    client.send(fixture.get("/odysseus/status"));
    CHECK(fails_cleanly(client));
    CHECK(serves(fixture));
}

TEST_CASE("A list of models that is none costs no answer") {
    const auto list =
        GENERATE(as<std::string>{}, ok_answer("{\"data\":["), ok_answer(std::string(200'000, '[')),
                 ok_answer(R"({"data":[{"id":7},7,null]})"), ok_answer("\xff\xfe"), ok_answer(""),
                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                 "SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n");
    ProxyFixture fixture(answering([&](const std::string& request) {
        return request.starts_with("GET /models") ? list : ok_answer(body_of(request));
    }));
    auto client = fixture.client();
    client.send(fixture.get("/v1/models"));
    const auto answer = client.read_message();
    CHECK(status_of(answer) == 200);
    CHECK(Json::parse(body_of(answer))["data"].size() == 2);
    client.send(chat("nobody"));
    CHECK(status_of(client.read_message()) == 404);
    CHECK(serves(fixture));
}

TEST_CASE("When descriptors run out while nobody is connected, the next client is served") {
    ProxyFixture fixture(well());
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(fd >= 0);
    RawConnection client{Socket(fd)};
    const int first_free = ::dup(0); // the proxy would get it
    REQUIRE(first_free >= 0);
    ::close(first_free);
    auto none = before;
    none.rlim_cur = static_cast<rlim_t>(first_free);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(fixture.proxy.port()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int connected = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    // Long enough for the proxy to have tried; were it not, the test would only see less.
    std::this_thread::sleep_for(milliseconds(500));
    const auto refused = fixture.proxy.traffic().connections;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    REQUIRE(connected == 0);
    (void)::fcntl(fd, F_SETFL, O_NONBLOCK);
    CHECK(refused == 0);
    client.send(fixture.get("/health"));
    CHECK(status_of(client.read_message()) == 200);
    CHECK(serves(fixture));
}

TEST_CASE("A refused request of a client that has gone is not forwarded") {
    Gate busy;
    Gate go;
    ProxyPages pages;
    pages.status_json = [&](const Traffic&) {
        busy.open();
        (void)go.wait();
        return std::string("{}");
    };
    ProxySettings settings;
    settings.limits.bodies_bytes_max = 100;
    ProxyFixture fixture(well(), settings, pages);
    auto client = fixture.client();
    client.send(fixture.get("/health"));
    CHECK(status_of(client.read_message()) == 200); // so it is connected
    auto other = fixture.client();
    other.send(fixture.get("/odysseus/status"));
    REQUIRE(busy.wait()); // the proxy's thread stands still
    client.send(fixture.post("/x", std::string(1000, 'x')));
    client.reset();
    go.open();
    CHECK(status_of(other.read_message()) == 200);
    wait_until([&] { return fixture.proxy.traffic().connections == 1; });
    CHECK(fixture.proxy.traffic().total == 0);
}

TEST_CASE("The wait for llama-server begins when the waiting begins") {
    ProxySettings settings;
    settings.limits.ready_wait = milliseconds(1000);
    std::atomic<int> asked{0};
    ProxyFixture fixture(
        [&](RawConnection& connection) {
            while (!connection.read_message().empty()) {
                if (++asked == 1) { // an answer that takes long, and then does not come
                    std::this_thread::sleep_for(milliseconds(1500));
                    return;
                }
                connection.send(ok_answer("{}"));
            }
        },
        settings);
    fixture.upstream.on_report = [&](const server::Failure&,
                                     const server::GaveUp&) -> server::Verdict {
        fixture.upstream.set(
            [](server::Serving& serving) { serving.state = server::State::restarting; });
        return server::Replay{};
    };
    auto client = fixture.client();
    client.send(chat("friendly"));
    wait_until([&] { return fixture.upstream.current().state == server::State::restarting; });
    std::this_thread::sleep_for(milliseconds(500)); // half of what it may take
    fixture.upstream.set([](server::Serving& serving) { serving.state = server::State::ready; });
    CHECK(status_of(client.read_message()) == 200);
    CHECK(asked == 2);
}

TEST_CASE("An announced body takes no memory before it comes") {
#ifndef __linux__
    SKIP("the size of this process is read from /proc");
#endif
    const auto process_kib = [] {
        std::ifstream status("/proc/self/status");
        std::string line;
        while (std::getline(status, line)) {
            if (line.starts_with("VmSize:")) return std::stoll(line.substr(7));
        }
        return 0LL;
    };
    ProxyFixture fixture(well());
    std::vector<RawConnection> clients;
    for (int i = 0; i < 10; ++i)
        clients.push_back(fixture.client());
    for (auto& client : clients) { // all are there, and whatever threads they need
        client.send(fixture.get("/health"));
        CHECK(status_of(client.read_message()) == 200);
    }
    const auto before = process_kib();
    REQUIRE(before > 0);
    for (auto& client : clients) {
        client.send("POST /x HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                    "Content-Length: 200000000\r\n\r\n");
        CHECK(status_of(client.read_message()) == 100);
        client.send("some of it");
    }
    auto last = fixture.client();
    last.send(fixture.get("/health"));
    CHECK(status_of(last.read_message()) == 200);
    CHECK(process_kib() - before < 500'000); // of 2,000,000
}

TEST_CASE("A body is let go when its request cannot be sent again") {
    ProxySettings settings;
    settings.limits.bodies_bytes_max = 1'000'000;
    Gate go;
    std::atomic<int> asked{0};
    ProxyFixture fixture(
        [&](RawConnection& connection) {
            while (!connection.read_message().empty()) {
                const bool first = ++asked == 1;
                connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
                                chunk("one"));
                if (first) (void)go.wait();
                connection.send(chunk("two") + "0\r\n\r\n");
            }
        },
        settings);
    auto first = fixture.client();
    first.send(chat("friendly", 700'000));
    (void)first.read_part([](std::string_view bytes) { return has(bytes, "one"); });
    auto second = fixture.client();
    second.send(chat("friendly", 700'000));
    CHECK(status_of(second.read_message()) == 200);
    go.open();
    CHECK(content_of(first.read_message()) == "onetwo");
    first.send(chat("friendly", 900'000));
    CHECK(status_of(first.read_message()) == 200);
}

TEST_CASE("What is still needed of a body counts: it may have to be sent again") {
    ProxySettings settings;
    settings.limits.bodies_bytes_max = 1'000'000;
    Gate go;
    std::atomic<int> asked{0};
    ProxyFixture fixture(answering([&](const std::string& request) {
                             if (++asked > 1) return ok_answer(body_of(request));
                             (void)go.wait();
                             return k_failure;
                         }),
                         settings);
    fixture.upstream.on_report = [](const server::Failure&,
                                    const server::GaveUp&) -> server::Verdict {
        return server::Replay{};
    };

    auto first = fixture.client();
    first.send(chat("friendly", 700'000));
    wait_until([&] { return asked == 1; });
    auto second = fixture.client();
    second.send(chat("friendly", 700'000));
    CHECK(status_of(second.read_message()) == 503);
    go.open();
    const auto answer = first.read_message();
    CHECK(status_of(answer) == 200);
    CHECK(has(body_of(answer), concat('"', std::string(700'000, 'x'), '"')));
}
