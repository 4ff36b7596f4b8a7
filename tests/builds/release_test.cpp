#include "odysseus/builds/release.hpp"

#include "release_data.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace odysseus;
using namespace odysseus::builds;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string why_not(std::string_view text) {
    const auto parsed = releases_from_json(text);
    const auto* reason = std::get_if<std::string>(&parsed);
    return reason != nullptr ? *reason : "(accepted)";
}

Release one(const std::string& text) {
    const auto parsed = releases_from_json(text);
    REQUIRE(std::holds_alternative<std::vector<Release>>(parsed));
    REQUIRE(std::get<0>(parsed).size() == 1);
    return std::get<0>(parsed).front();
}

Release with_asset(const std::string& fields) {
    return one(
        R"({"tag_name": "b11160", "assets": [{"name": "a.zip", "browser_download_url": "u")" +
        fields + "}]}");
}

} // namespace

TEST_CASE("release: a stored release is read with sizes and digests") {
    const auto b11160 = release("b11160");
    CHECK(b11160.tag == "b11160");
    CHECK(b11160.prerelease);
    CHECK_FALSE(b11160.draft);
    CHECK(b11160.assets.size() == 35);
    const auto* asset = find_asset(b11160, "llama-b11160-bin-ubuntu-cuda-12.8-x64.tar.gz");
    REQUIRE(asset != nullptr);
    CHECK(asset->size_bytes == 168'900'000);
    CHECK(asset->sha256 == "8ed8d659383b6624ef2bd14ebd6984c8c1b1b2f13e4ba0c5c43f6038ca22591d");
    CHECK(asset->url == "https://github.com/ggml-org/llama.cpp/releases/download/b11160/"
                        "llama-b11160-bin-ubuntu-cuda-12.8-x64.tar.gz");
    CHECK(asset->uploaded);
    const auto* without = find_asset(b11160, "llama-b11160-bin-ubuntu-x64.tar.gz");
    REQUIRE(without != nullptr);
    CHECK_FALSE(without->sha256.has_value());
    CHECK(find_asset(b11160, "llama-b11160-bin-ubuntu-x64") == nullptr);
}

TEST_CASE("release: a list keeps its order, one object is a list of one") {
    const auto list = releases("ai-dock");
    REQUIRE(list.size() == 3);
    CHECK(list[0].tag == "b10099");
    CHECK(list[2].tag == "b8700");
    CHECK(releases("v0.5.0").size() == 1);
    CHECK(std::get<0>(releases_from_json("[]")).empty());
}

TEST_CASE("release: what is still being uploaded is not there yet") {
    CHECK(with_asset(R"(, "state": "uploaded", "size": 1)").assets[0].uploaded);
    CHECK_FALSE(with_asset(R"(, "state": "open", "size": 1)").assets[0].uploaded);
    CHECK_FALSE(with_asset(R"(, "state": "uploaded", "size": 0)").assets[0].uploaded);
    CHECK_FALSE(with_asset(R"(, "state": "starter", "size": 0)").assets[0].uploaded);
    CHECK_FALSE(with_asset(R"(, "size": -5)").assets[0].uploaded);
    CHECK_FALSE(with_asset(R"(, "size": 18446744073709551615)").assets[0].uploaded);
    // More than a disk holds: sums of such sizes would overflow.
    CHECK_FALSE(with_asset(R"(, "size": 4611686018427387904)").assets[0].uploaded);
    CHECK(with_asset(R"(, "size": 1099511627776)").assets[0].uploaded);
    // A mirror that says less: no state, no size.
    CHECK(with_asset("").assets[0].uploaded);
    CHECK_FALSE(with_asset("").assets[0].size_bytes.has_value());
}

TEST_CASE("release: only a whole sha256 is a digest") {
    const std::string digits(64, 'A');
    CHECK(with_asset(R"(, "digest": "sha256:)" + digits + '"').assets[0].sha256 ==
          std::string(64, 'a'));
    for (const auto& bad : {"sha256:" + digits.substr(1), "sha512:" + digits, digits,
                            "sha256:" + digits.substr(1) + "g", std::string("sha256:")}) {
        INFO(bad);
        CHECK_FALSE(with_asset(R"(, "digest": ")" + bad + '"').assets[0].sha256.has_value());
    }
    CHECK_FALSE(with_asset(R"(, "digest": null)").assets[0].sha256.has_value());
}

TEST_CASE("release: names that could leave a folder are no names") {
    for (const char* bad : {"", ".", "..", "../a.zip", "a/b.zip", "a\\\\b.zip", ".hidden", "-rf",
                            "a b", "a:b", "a.", "con\\u0000"}) {
        INFO(bad);
        CHECK(one(std::string(R"({"tag_name": "b1", "assets": [{"name": ")") + bad +
                  R"(", "browser_download_url": "u"}]})")
                  .assets.empty());
        CHECK_THAT(why_not(std::string(R"({"tag_name": ")") + bad + R"("})"),
                   ContainsSubstring("no usable \"tag_name\""));
    }
    CHECK(is_plain_name("cudart-llama-bin-win-cuda-12.4-x64.zip"));
    CHECK(is_plain_name("v1.0.0+x_1"));
    CHECK_FALSE(is_plain_name(std::string(201, 'a')));
}

TEST_CASE("release: what is no release says what it is") {
    CHECK_THAT(why_not(""), ContainsSubstring("empty"));
    CHECK_THAT(why_not(" \n"), ContainsSubstring("empty"));
    CHECK_THAT(why_not("<!DOCTYPE html><html>"), ContainsSubstring("web page"));
    CHECK_THAT(why_not(R"({"tag_name": "b1", "assets": [)"), ContainsSubstring("cut off"));
    CHECK_THAT(why_not(R"({"message": "API rate limit exceeded for 192.0.2.1."})"),
               ContainsSubstring("\"API rate limit exceeded for 192.0.2.1.\""));
    CHECK_THAT(why_not(R"({"message": "a\u001b[31m\nb"})"), ContainsSubstring("\"a?[31m?b\""));
    CHECK_THAT(why_not("17"), ContainsSubstring("neither"));
    CHECK_THAT(why_not(R"({"tag_name": 5})"), ContainsSubstring("no usable"));
    // In a list, what is unusable is left out.
    CHECK(std::get<0>(releases_from_json(R"([1, {"tag_name": "b1"}, {"tag_name": "../b2"}])"))
              .size() == 1);
}

TEST_CASE("release: nightly-tag.txt is one build tag and nothing else") {
    CHECK(nightly_tag("b11146\n") == "b11146");
    CHECK(nightly_tag("b10621") == "b10621");
    CHECK(nightly_tag("b10621\r\n") == "b10621");
    for (const char* bad : {"", "b", "11146", "b11146 b11147", "b11146\nb11147", "v0.5.0", "b0123",
                            "b12345678", "<html>", "b11146/../x", "B11146", "b12"}) {
        INFO(bad);
        CHECK_FALSE(nightly_tag(bad).has_value());
    }
    CHECK_FALSE(nightly_tag("b11146" + std::string(1024, '\n')).has_value());
}

TEST_CASE("release: build numbers") {
    CHECK(build_number("b4585") == 4585);
    CHECK(build_number("b1") == 1);
    for (const char* bad : {"b", "b-1", "b+1", "b01", "v1", "b1.2", "b99999999", "master-b1-abc"}) {
        INFO(bad);
        CHECK_FALSE(build_number(bad).has_value());
    }
}
