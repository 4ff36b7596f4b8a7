#include "odysseus/builds/acquire.hpp"

#include "fake_build.hpp"
#include "odysseus/base/error.hpp"
#include "release_json.hpp"
#include "scratch.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <ctime>

using namespace odysseus;
using namespace odysseus::builds;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Kind = HostFault::Kind;
namespace fs = std::filesystem;

namespace {

constexpr const char* k_repo = "/repos/ggml-org/llama.cpp/releases";
constexpr const char* k_downloads = "/ggml-org/llama.cpp/releases";

// Today's scheme: latest is v0.5.0, which points to b11158; two builds are listed.
struct Fixture {
    ReleaseHost host;
    Scratch scratch;
    ReleaseSourceOptions options;
    download::HttpOptions http;
    std::vector<std::string> told;

    Fixture() {
        options.github_api = host.base();
        options.github_download = host.base() + "/";
        options.cache = scratch / "cache";
        options.tell = [this](const std::string& sentence) { told.push_back(sentence); };
        http.back_off = 1ms;
        http.stall_limit = 300ms;
        http.wait_max = 1s;
        http.tries_max = 2;
        host.serve(
            concat(k_repo, "/latest"),
            release_json(
                "v0.5.0",
                {{FileRole::primary, "nightly-tag.txt",
                  "https://github.com/ggml-org/llama.cpp/releases/download/v0.5.0/nightly-tag.txt",
                  7, download::sha256_of("b11158\n")}},
                false));
        host.serve(concat(k_downloads, "/download/v0.5.0/nightly-tag.txt"), "b11158\n");
        host.serve(concat(k_downloads, "/latest/download/nightly-tag.txt"), "b11158\n");
        host.serve(concat(k_repo, "/tags/b11158"), build_json("b11158"));
        host.serve(concat(k_repo), concat("[", release_json("v0.5.0", {}, false), ",",
                                          build_json("b11157"), ",", build_json("b11160"), "]"));
    }
    [[nodiscard]] static std::string build_json(const std::string& tag) {
        const auto name = "llama-" + tag + "-bin-ubuntu-x64.tar.gz";
        return release_json(
            tag, {{FileRole::primary, name,
                   concat("https://github.com", k_downloads, "/download/", tag, "/", name), 5,
                   std::string(64, 'a')}});
    }
    ReleaseSource source() { return {options, http}; }
    std::string error_of_wanted(Fault fault) {
        try {
            static_cast<void>(source().wanted());
        } catch (const Error& error) {
            CHECK(error.fault() == fault);
            return error.what();
        }
        return "no error";
    }
    void limit(const std::string& part, int times = -1, const char* seconds = "2220") {
        const auto reset = std::to_string(std::time(nullptr) + std::stoi(seconds));
        host.fault(part, {Kind::status,
                          403,
                          times,
                          {},
                          {{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", reset}}});
    }
};

} // namespace

TEST_CASE("release_source: stable follows the pointer of today's releases, one hop") {
    Fixture f;
    const auto releases = f.source().wanted();
    REQUIRE(releases.size() == 1);
    CHECK(releases.front().tag == "b11158");
    CHECK(releases.front().assets.front().sha256 == std::string(64, 'a'));
    CHECK(f.host.seen().size() == 3);
    CHECK(f.host.seen().front().headers.at("user-agent").rfind("odysseus/", 0) == 0);
    CHECK(f.host.seen().front().headers.count("x-github-api-version") == 1);
}

TEST_CASE("release_source: a latest that carries binaries is used as it is") {
    Fixture f;
    f.host.serve(concat(k_repo, "/latest"), Fixture::build_json("b8000"));
    CHECK(f.source().wanted().front().tag == "b8000");
    CHECK(f.host.seen().size() == 1);
}

TEST_CASE("release_source: nightly takes the newest build, the older ones behind it") {
    Fixture f;
    f.options.release = "nightly";
    const auto releases = f.source().wanted();
    REQUIRE(releases.size() == 2);
    CHECK(releases[0].tag == "b11160");
    CHECK(releases[1].tag == "b11157");
}

TEST_CASE("release_source: a pin is asked for by its tag; one that does not exist fits nobody") {
    Fixture f;
    f.options.release = "b11158";
    CHECK(f.source().wanted().front().tag == "b11158");
    CHECK(f.source().pinned());
    f.options.release = "b99999";
    CHECK_THAT(f.error_of_wanted(Fault::no_build), ContainsSubstring("b99999"));
}

TEST_CASE("release_source: answers are kept, and asked for conditionally later") {
    Fixture f;
    static_cast<void>(f.source().wanted());
    const auto first = f.host.seen(k_repo).size();
    static_cast<void>(f.source().wanted());
    CHECK(f.host.seen(k_repo).size() == first); // fresh: no request
    for (const auto& entry : fs::directory_iterator(f.options.cache)) {
        auto text = *system::read_file(entry.path(), 1U << 20);
        const auto at = text.find("\"fetched\":") + 10;
        text.replace(at, text.find_first_of(",}", at) - at, "1000"); // long ago
        system::write_file_atomically(entry.path(), text);
    }
    f.host.forget_seen();
    CHECK(f.source().wanted().front().tag == "b11158");
    const auto asked = f.host.seen(k_repo);
    REQUIRE(asked.size() == 2);
    CHECK(asked.front().headers.count("if-none-match") == 1);
    f.host.forget_seen();
    static_cast<void>(f.source().wanted());
    CHECK(f.host.seen(k_repo).empty()); // a 304 makes it fresh again
}

TEST_CASE("release_source: offline asks nobody: the cache, or exit 3 with the remedy") {
    Fixture f;
    f.options.offline = true;
    CHECK_THAT(f.error_of_wanted(Fault::no_build), ContainsSubstring("--llama-server"));
    CHECK(f.host.seen().empty());
}

TEST_CASE("release_source: a token is tried, left out when it is refused, and never told") {
    Fixture f;
    f.options.token = "ghp_secret";
    f.host.fault("/latest", {Kind::status, GENERATE(401, 403, 404), 1, {}, {}});
    CHECK(f.source().wanted().front().tag == "b11158");
    const auto asked = f.host.seen(concat(k_repo, "/latest"));
    REQUIRE(asked.size() == 2);
    CHECK(asked[0].headers.at("authorization") == "Bearer ghp_secret");
    CHECK(asked[1].headers.count("authorization") == 0);
    for (const auto& sentence : f.told)
        CHECK(sentence.find("secret") == std::string::npos);
    for (const auto& entry : fs::directory_iterator(f.options.cache))
        CHECK(system::read_file(entry.path(), 1U << 20)->find("secret") == std::string::npos);
}

TEST_CASE("release_source: a short limit is waited for") {
    Fixture f;
    f.limit("/latest", 1, "1");
    CHECK(f.source().wanted().front().assets.front().sha256.has_value());
}

TEST_CASE("release_source: a long limit leads around the API, and says that digests are missing") {
    Fixture f;
    f.limit("/repos/");
    const auto release = f.source().wanted().front();
    CHECK(release.tag == "b11158");
    CHECK(release.guessed);
    REQUIRE_FALSE(f.told.empty());
    CHECK_THAT(f.told.back(), ContainsSubstring("no digests"));
    f.options.release = "b11150";
    CHECK(f.source().wanted().front().guessed);
    f.options.release = "nightly"; // no way around
    CHECK_THAT(f.error_of_wanted(Fault::network),
               ContainsSubstring("37 minutes") && ContainsSubstring("GITHUB_TOKEN"));
}

TEST_CASE("release_source: when the API limits and the pointer is gone, both are told") {
    Fixture f;
    f.limit("/repos/");
    f.host.fault("nightly-tag.txt", {Kind::status, 404, -1, {}, {}});
    CHECK_THAT(f.error_of_wanted(Fault::network),
               ContainsSubstring("37 minutes") && ContainsSubstring("nightly-tag.txt"));
}

TEST_CASE("release_source: what is kept helps when the API does not") {
    Fixture f;
    f.options.release = "nightly";
    static_cast<void>(f.source().wanted());
    for (const auto& entry : fs::directory_iterator(f.options.cache)) {
        auto text = *system::read_file(entry.path(), 1U << 20);
        const auto at = text.find("\"fetched\":") + 10;
        text.replace(at, text.find_first_of(",}", at) - at, "1000");
        system::write_file_atomically(entry.path(), text);
    }
    f.limit("/repos/");
    CHECK(f.source().wanted().front().tag == "b11160");
    REQUIRE(f.told.size() == 1);
    CHECK_THAT(f.told.front(), ContainsSubstring("minutes ago is used"));
}

TEST_CASE("release_source: nonsense instead of JSON, cut JSON and 5xx go around the API too") {
    Fixture f;
    SECTION("html") {
        f.host.fault("/repos/", {Kind::html, 0, -1, {}, {}});
    }
    SECTION("truncated") {
        f.host.fault("/repos/", {Kind::truncate, 100, -1, {}, {}});
    }
    SECTION("cut") {
        f.host.fault("/repos/", {Kind::cut, 100, -1, {}, {}});
    }
    SECTION("500") {
        f.host.fault("/repos/", {Kind::status, 500, -1, {}, {}});
    }
    SECTION("503") {
        f.host.fault("/repos/", {Kind::status, 503, -1, {}, {}});
    }
    SECTION("silence") {
        f.host.fault("/repos/", {Kind::stall, 10, -1, {}, {}});
    }
    SECTION("redirect loop") {
        f.host.fault("/repos/", {Kind::redirect_loop, 0, -1, {}, {}});
    }
    CHECK(f.source().wanted().front().guessed);
    f.options.release = "nightly";
    static_cast<void>(f.error_of_wanted(Fault::network));
}

TEST_CASE("release_source: a pointer that is no tag, too long, or not what its digest says") {
    Fixture f;
    f.host.fault("/latest/download/", {Kind::status, 404, -1, {}, {}});
    SECTION("no tag") {
        f.host.serve(concat(k_downloads, "/download/v0.5.0/nightly-tag.txt"), "../../evil\n");
        CHECK(f.source().wanted().front().tag == "b11160"); // the newest, and it is told
        REQUIRE(f.told.size() == 1);
        CHECK_THAT(f.told.front(),
                   ContainsSubstring("names no build") && ContainsSubstring("b11160"));
    }
    SECTION("too long") {
        f.host.serve(concat(k_downloads, "/download/v0.5.0/nightly-tag.txt"),
                     std::string(2000, 'b'));
        static_cast<void>(f.error_of_wanted(Fault::network));
    }
    SECTION("no latest release, and no list either") {
        f.host.fault("/releases/latest", {Kind::status, 404, -1, {}, {}});
        f.host.serve(concat(k_repo), "[]");
        CHECK_THAT(f.error_of_wanted(Fault::network), ContainsSubstring("knows no latest release"));
    }
    SECTION("no latest release") {
        f.host.fault("/releases/latest", {Kind::status, 404, -1, {}, {}});
        CHECK(f.source().wanted().front().tag == "b11160");
    }
    SECTION("another digest") {
        f.host.serve(concat(k_downloads, "/download/v0.5.0/nightly-tag.txt"), "b11159\n");
        CHECK_THAT(f.error_of_wanted(Fault::integrity), ContainsSubstring("SHA-256"));
    }
}

TEST_CASE("acquire: from the API to an installed build, and a later launch asks nobody") {
    Fixture f;
    const Scratch home;
    FakeBuild build;
    auto file = serve_fake(f.host, f.scratch.path(), "b11158", "llama-b11158-bin-ubuntu-x64.tar.gz",
                           fake_build_members(build));
    file.url = concat("https://github.com", k_downloads, "/download/b11158/", file.name);
    f.host.serve(concat(k_repo, "/tags/b11158"), release_json("b11158", {file}));
    BuildStore store(home.path(), hardware::Os::linux, hardware::Arch::x64);
    InstallOptions options;
    options.http = f.http;
    options.tell = f.options.tell;
    BuildWish wish;
    wish.download_base = f.host.base();
    auto source = f.source();
    const bool limited = GENERATE(false, true);
    if (limited) f.limit("/repos/");
    const auto got = acquire_build(wish, source, store, options);
    CHECK(got.id == "b11158-cpu");
    CHECK(got.manifest.archives.front().sha256 == file.sha256);
}

TEST_CASE("acquire: an incomplete release leads to the next older complete one") {
    Fixture f;
    f.host.serve(concat(k_repo, "/tags/b11158"), release_json("b11158", {}));
    BuildWish wish;
    wish.download_base = f.host.base();
    auto source = f.source();
    CHECK(plan_build(wish, source).choices.front().tag == "b11157");
    f.options.release = "b11158"; // a pin is a pin
    auto pinned = f.source();
    CHECK_THROWS_AS(plan_build(wish, pinned), Error);
}
