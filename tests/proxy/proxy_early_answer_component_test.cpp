// A llama-server that answers before it has read all, or says more than it announced.
#include "proxy_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <ctime>

using namespace odysseus;
using namespace odysseus::proxy;
using namespace odysseus::test;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t k_body_bytes = std::size_t{24} << 20; // more than the sockets hold
const std::string k_stream_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

void read_head(RawConnection& connection) {
    (void)connection.read_part([](std::string_view bytes) { return has(bytes, "\r\n\r\n"); });
}

double cpu_seconds() {
    return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

} // namespace

TEST_CASE("The rest of a request is sent on while its answer already comes") {
    std::atomic<std::size_t> read{0};
    ProxyFixture fixture([&](RawConnection& connection) {
        read_head(connection);
        connection.send(k_stream_head + chunk("early"));
        read = body_of(connection.read_message()).size();
        connection.send(chunk("late") + "0\r\n\r\n");
        (void)connection.ends_within(k_patience);
    });
    auto client = fixture.client();
    client.send(fixture.post("/x", std::string(k_body_bytes, 'x')));
    (void)client.read_part([](std::string_view bytes) { return has(bytes, "early"); });
    CHECK(content_of(client.read_message()) == "earlylate");
    CHECK(read == k_body_bytes);
}

TEST_CASE("An answer that comes early costs no processor time while nothing moves") {
    Gate go;
    Gate begun;
    ProxyFixture fixture([&](RawConnection& connection) {
        read_head(connection);
        connection.send(k_stream_head + chunk("early"));
        // Some of the request, so that the connection has room again.
        (void)connection.read_part(
            [](std::string_view bytes) { return bytes.size() > k_body_bytes / 2; });
        begun.open();
        (void)go.wait();
        connection.send(chunk("late") + "0\r\n\r\n");
    });
    auto client = fixture.client();
    client.send(fixture.post("/x", std::string(k_body_bytes, 'x')));
    (void)client.read_part([](std::string_view bytes) { return has(bytes, "early"); });
    (void)begun.wait();
    std::this_thread::sleep_for(milliseconds(200)); // what moves, moves
    const auto before = cpu_seconds();
    std::this_thread::sleep_for(milliseconds(1000));
    CHECK(cpu_seconds() - before < 0.3);
    go.open();
    CHECK(content_of(client.read_message()) == "earlylate");
}

TEST_CASE("An early refusal reaches the client whole, though the request was not read") {
    ProxyFixture fixture([](RawConnection& connection) {
        read_head(connection);
        connection.send("HTTP/1.1 413 Too Large\r\nContent-Length: 8\r\n\r\ntoo long");
        (void)connection.ends_within(k_patience);
    });
    auto client = fixture.client();
    client.send(fixture.post("/x", std::string(k_body_bytes, 'x')));
    const auto answer = client.read_message();
    CHECK(status_of(answer) == 413);
    CHECK(body_of(answer) == "too long");
}

TEST_CASE("A connection whose answer was longer than announced is not used again") {
    const std::string answer =
        GENERATE(as<std::string>{}, "HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\n{}",
                 "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n",
                 "HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n");
    const std::string extra =
        GENERATE(as<std::string>{}, "x", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
    CAPTURE(answer, extra);
    std::atomic<int> connections{0};
    ProxyFixture fixture([&](RawConnection& connection) {
        const bool first = ++connections == 1;
        while (!connection.read_message().empty())
            connection.send(first ? answer + extra : ok_answer("right"));
    });
    auto client = fixture.client();
    client.send(fixture.get("/props"));
    const auto got = client.read_message();
    CHECK(got.substr(0, 12) == answer.substr(0, 12));
    CHECK(body_of(got) == body_of(answer));
    if (!fixture.upstream.reports().empty())
        CHECK(fixture.upstream.reports()[0].body == content_of(answer));
    client.send(fixture.get("/props"));
    CHECK(body_of(client.read_message()) == "right");
    CHECK(connections == 2);
}
