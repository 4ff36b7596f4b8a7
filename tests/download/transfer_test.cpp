#include "download/transfer.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::download;
using namespace std::chrono_literals;

TEST_CASE("transfer: the record of a part survives a round trip, and garbage is none") {
    const PartRecord record{"https://h/x", "\"abc\"", 12, "00ff"};
    const auto back = part_record_from(part_record_text(record));
    REQUIRE(back);
    CHECK(back->url == record.url);
    CHECK(back->etag == record.etag);
    CHECK(back->size == 12);
    CHECK(back->sha256 == "00ff");
    for (const char* bad : {"", "[]", "{", "null", "{}", R"({"url":5})", "{\"url\":\"https://h"}) {
        CHECK_FALSE(part_record_from(bad).has_value());
    }
    CHECK_FALSE(part_record_from(R"({"url":"x","size":"12"})")->size.has_value());
    CHECK_FALSE(part_record_text({"\xff", "", {}, {}}).empty());
}

TEST_CASE("transfer: only what is provably the same file is continued") {
    const PartRecord digest{"https://a/x", "", 12, "aa"};
    CHECK(may_continue(digest, {"https://mirror/x", "", 12, "aa"})); // a mirror has the same bytes
    CHECK_FALSE(may_continue(digest, {"https://a/x", "", 12, "bb"}));
    CHECK_FALSE(may_continue(digest, {"https://a/x", "", 12, {}}));
    const PartRecord tagged{"https://a/x", "\"e\"", 12, {}};
    CHECK(may_continue(tagged, {"https://a/x", "", {}, {}}));
    CHECK_FALSE(may_continue(tagged, {"https://b/x", "", {}, {}}));
    CHECK_FALSE(may_continue(tagged, {"https://a/x", "", 13, {}}));
    CHECK_FALSE(may_continue(tagged, {"https://a/x", "", 12, "aa"}));
}

TEST_CASE("transfer: Content-Range") {
    CHECK(content_range("bytes 5-9/10")->first == 5);
    CHECK(content_range("Bytes 5-9/10")->total == 10);
    CHECK_FALSE(content_range("bytes 5-9/*")->total.has_value());
    CHECK_FALSE(content_range("bytes */10")->first.has_value());
    for (const char* bad : {"", "5-9/10", "bytes 5-9", "bytes x-9/10", "bytes -5/10",
                            "bytes 5-9/ten", "items 5-9/10", "bytes 5-9/99999999999999999999"}) {
        INFO(bad);
        CHECK_FALSE(content_range(bad).has_value());
    }
}

TEST_CASE("transfer: what an answer means for the bytes that are there") {
    CHECK(std::get<StartOver>(received(200, 0, 10, "")).total == 10);
    CHECK(std::holds_alternative<StartOver>(received(200, 5, 10, ""))); // the range was ignored
    CHECK(std::get<Append>(received(206, 5, 5, "bytes 5-9/10")).total == 10);
    CHECK(std::holds_alternative<Discard>(received(206, 5, 5, "bytes 0-4/10")));
    CHECK(std::holds_alternative<Discard>(received(206, 5, 5, "")));
    CHECK(std::holds_alternative<Refused>(received(206, 0, 5, "bytes 5-9/10")));
    CHECK(std::holds_alternative<Whole>(received(416, 10, 0, "bytes */10")));
    CHECK(std::holds_alternative<Discard>(received(416, 5, 0, "bytes */10")));
    CHECK(std::holds_alternative<Discard>(received(416, 5, 0, "")));
    CHECK(std::holds_alternative<Refused>(received(416, 0, 0, "")));
    for (const int status : {408, 425, 429, 500, 502, 503, 504})
        CHECK(std::holds_alternative<TryLater>(received(status, 0, 0, "")));
    for (const int status : {204, 301, 400, 401, 403, 404, 410, 451, 501, 505})
        CHECK(std::holds_alternative<Refused>(received(status, 0, 0, "")));
}

TEST_CASE("transfer: the pause doubles and is bounded") {
    CHECK(back_off(1, 500ms) == 500ms);
    CHECK(back_off(2, 500ms) == 1s);
    CHECK(back_off(4, 500ms) == 4s);
    CHECK(back_off(1000, 500ms) == 30s);
    CHECK(back_off(0, 500ms) == 500ms);
}

TEST_CASE("transfer: archives and web pages by their first bytes") {
    CHECK(looks_like_archive("\x1f\x8b\x08\x00\x00\x00"));
    CHECK(looks_like_archive("PK\x03\x04zz"));
    CHECK(looks_like_archive(std::string_view("\xfd"
                                              "7zXZ\0",
                                              6)));
    CHECK_FALSE(looks_like_archive("PK\x05\x06"));
    CHECK_FALSE(looks_like_archive("GGUF"));
    CHECK_FALSE(looks_like_archive(""));
    CHECK(looks_like_html("\n <!DOCTYPE HTML><title>"));
    CHECK(looks_like_html("<html lang=en>"));
    CHECK_FALSE(looks_like_html("{\"html\":1}"));
}
