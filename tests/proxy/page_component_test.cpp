#include "proxy/page.hpp"

#include "odysseus/base/text.hpp"

#include "proxy_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>

using namespace odysseus;
using namespace odysseus::proxy;
using namespace odysseus::test;

namespace {
constexpr std::size_t k_largest_page_bytes = 120 * 1024;
bool holds(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}
} // namespace

TEST_CASE("the page is in the program, whole") {
    const auto page = page_html();
    CHECK(page.starts_with("<!doctype html>"));
    CHECK(page.ends_with("</html>\n"));
    CHECK(page.size() <= k_largest_page_bytes);
    CHECK_FALSE(holds(page, "\r"));
    CHECK_FALSE(holds(page, "@CONTENT_SECURITY_POLICY@"));
}

TEST_CASE("the page has its policy inside, and the header adds the frame rule alone") {
    const std::string_view policy = page_content_security_policy();
    const std::string_view frames = "; frame-ancestors 'none'";
    REQUIRE(policy.ends_with(frames));
    const auto inner = std::string(policy.substr(0, policy.size() - frames.size()));
    CHECK(holds(page_html(), concat("content=\"", inner, "\"")));
    CHECK(policy.starts_with("default-src 'none'; script-src 'sha256-"));
    CHECK_FALSE(holds(policy, "unsafe"));
    CHECK_FALSE(holds(policy, "http"));
}

// What the policy would block, or what would leave the machine.
TEST_CASE("the page names no other place and no inline handler") {
    const auto page = page_html();
    for (const auto* part : {"src=\"http", "href=\"http", "url(", "@import", "innerHTML",
                             "onclick=\"", "style=\"", "eval("})
        CHECK_FALSE(holds(page, part));
}

TEST_CASE("the page is served without a key, its policy with it; what it asks for needs one") {
    ProxySettings settings;
    settings.access.keys = {"right"};
    ProxyPages pages;
    pages.status_json = [](const Traffic&) { return std::string("{}"); };
    pages.log_json = [](std::uint64_t after) { return concat("{\"next\":", after + 1, "}"); };
    ProxyFixture fixture([](RawConnection&) {}, settings, pages);
    auto client = fixture.client();
    const auto answer = [&](std::string_view target, std::string_view lines = {}) {
        client.send(fixture.get(target, lines));
        return client.read_message();
    };
    const auto page = answer("/odysseus");
    CHECK(status_of(page) == 200);
    CHECK(body_of(page) == page_html());
    CHECK(holds(page,
                concat("\r\nContent-Security-Policy: ", page_content_security_policy(), "\r\n")));
    for (const auto* target : {"/odysseus/status", "/odysseus/log", "/odysseus/other"}) {
        INFO(target);
        CHECK(status_of(answer(target)) == 401);
    }
    const auto* key = "Authorization: Bearer right\r\n";
    CHECK(status_of(answer("/odysseus/status", key)) == 200);
    CHECK(body_of(answer("/odysseus/log?after=41", key)) == "{\"next\":42}");
    CHECK(body_of(answer("/odysseus/log", key)) == "{\"next\":1}");
    CHECK(status_of(answer("/odysseus/log?after=x", key)) == 400);
    CHECK(status_of(answer("/odysseus/log?after=-1", key)) == 400);
}

TEST_CASE("a log that nobody offers is not found") {
    ProxyFixture fixture([](RawConnection&) {});
    auto client = fixture.client();
    client.send(fixture.get("/odysseus/log?after=0"));
    CHECK(status_of(client.read_message()) == 404);
}
