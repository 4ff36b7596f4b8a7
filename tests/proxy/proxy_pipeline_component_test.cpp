// Requests that a client sends without waiting for the answers.
#include "proxy_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <pthread.h>

using namespace odysseus;
using namespace odysseus::server;
using namespace odysseus::proxy;
using namespace odysseus::test;
using std::chrono::milliseconds;

namespace {

// What a thread has on macOS; those that are started meanwhile have it here too.
class SmallStacks {
  public:
    SmallStacks() {
#ifdef __GLIBC__
        pthread_attr_init(&m_before);
        pthread_getattr_default_np(&m_before);
        pthread_attr_t small;
        pthread_attr_init(&small);
        pthread_attr_setstacksize(&small, k_stack_bytes);
        pthread_setattr_default_np(&small);
        pthread_attr_destroy(&small);
#endif
    }
    ~SmallStacks() {
#ifdef __GLIBC__
        pthread_setattr_default_np(&m_before);
        pthread_attr_destroy(&m_before);
#endif
    }
    SmallStacks(const SmallStacks&) = delete;
    SmallStacks& operator=(const SmallStacks&) = delete;

  private:
    static constexpr std::size_t k_stack_bytes = std::size_t{512} * 1024;
#ifdef __GLIBC__
    pthread_attr_t m_before{};
#endif
};

constexpr std::size_t k_sent_bytes = std::size_t{60} * 1024;

struct Case {
    const char* name;
    server::State state;
    std::string request; // many of these
    int status;
};

} // namespace

TEST_CASE("Thousands of requests that are answered at once are answered in order") {
    const SmallStacks small;
    const auto one = GENERATE(
        as<Case>{}, Case{"failed", State::failed, "GET /x HTTP/1.1\r\nHost: [::1]\r\n\r\n", 503},
        Case{"stopping", State::stopping, "GET /x HTTP/1.1\r\nHost: [::1]\r\n\r\n", 503},
        Case{"own page", State::failed, "GET /metrics HTTP/1.1\r\nHost: [::1]\r\n\r\n", 200},
        Case{"health", State::failed, "GET /health HTTP/1.1\r\nHost: [::1]\r\n\r\n", 503},
        Case{"with a body", State::failed,
             "POST /x HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 2\r\n\r\nhi", 503},
        Case{"in chunks", State::failed,
             "POST /x HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 503},
        Case{"preflight", State::failed,
             "OPTIONS /x HTTP/1.1\r\nHost: [::1]\r\nOrigin: http://localhost:1\r\n"
             "Access-Control-Request-Method: POST\r\n\r\n",
             204});
    CAPTURE(one.name);
    ProxyFixture fixture(answering([](const std::string&) { return ok_answer("{}"); }));
    fixture.upstream.set([&](server::Serving& serving) { serving.state = one.state; });
    Gate go;
    fixture.models.on_refresh = [&] { (void)go.wait(); };
    // The first answer takes its time, so that the others lie ready when it is over.
    auto client = fixture.client();
    client.send(fixture.get("/v1/models"));
    std::string all;
    std::size_t count = 0;
    for (; all.size() + one.request.size() < k_sent_bytes; ++count)
        all += one.request;
    client.send(all);
    wait_until([&] { return fixture.models.refreshes() == 1; });
    go.open();
    CHECK(status_of(client.read_message()) == 200);
    for (std::size_t i = 0; i < count; ++i)
        REQUIRE(status_of(client.read_message()) == one.status);
}

TEST_CASE("Pipelined requests wait for the one before, and those behind a stream come last") {
    ProxyFixture fixture(answering([](const std::string& request) {
        const auto head = std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        return head + chunk(request.substr(0, request.find(" HTTP"))) + "0\r\n\r\n";
    }));
    auto client = fixture.client();
    std::string all;
    for (int i = 0; i < 50; ++i)
        all += i % 3 == 1 ? fixture.get("/health") : fixture.get(concat("/n", i));
    client.send(all);
    for (int i = 0; i < 50; ++i) {
        const auto answer = client.read_message();
        CHECK(status_of(answer) == 200);
        if (i % 3 != 1) CHECK(content_of(answer) == concat("GET /n", i));
    }
}
