#include "odysseus/service/page.hpp"

#include "odysseus/logic/text.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>

using namespace odysseus;

namespace {
constexpr std::size_t k_largest_page_bytes = 60 * 1024;
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
    CHECK(holds(page_html(), cat("content=\"", inner, "\"")));
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
