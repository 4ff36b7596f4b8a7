#include "odysseus/download/fetch.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/download/sha256.hpp"
#include "odysseus/system/files.hpp"
#include "release_host.hpp"
#include "scratch.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <csignal>
#include <iterator>
#ifndef _WIN32
#include <sys/resource.h>
#endif

using namespace odysseus;
using namespace odysseus::download;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Kind = HostFault::Kind;
namespace fs = std::filesystem;

namespace {

HttpOptions quick() {
    HttpOptions options;
    options.connect_limit = 2s;
    options.stall_limit = 300ms;
    options.back_off = 1ms;
    options.wait_max = 50ms;
    options.tries_max = 3;
    return options;
}

std::string some_bytes(std::size_t size) {
    std::string text(size, '\0');
    std::uint32_t state = 1;
    for (auto& c : text) {
        state = state * 1664525U + 1013904223U;
        c = static_cast<char>(state >> 24);
    }
    return text;
}

// A host with one file of 400,000 bytes, and what a release says about it.
struct Fixture {
    ReleaseHost host;
    Scratch scratch;
    std::string content = some_bytes(400000);
    FileRequest request;
    HttpOptions options = quick();

    Fixture() {
        host.serve("/x.bin", content);
        request.url = host.base() + "/x.bin";
        request.to = scratch / "x.bin";
        request.size = static_cast<std::int64_t>(content.size());
        request.sha256 = sha256_of(content);
    }
    FetchedFile fetch() { return fetch_file(request, options, {}); }
    Fault fault_of_fetch(std::string& sentence) {
        try {
            static_cast<void>(fetch());
        } catch (const Error& error) {
            sentence = error.what();
            return error.fault();
        }
        sentence = "no error";
        return Fault::bug;
    }
    [[nodiscard]] std::int64_t files() const {
        return std::distance(fs::directory_iterator(scratch.path()), fs::directory_iterator());
    }
    [[nodiscard]] bool whole() const {
        return files() == 1 && system::read_file(request.to, 1U << 20) == content;
    }
};

} // namespace

TEST_CASE("fetch: a file comes whole, with its digest and progress") {
    Fixture f;
    std::vector<FetchProgress> seen;
    const auto got =
        fetch_file(f.request, f.options, [&](const auto& now) { seen.push_back(now); });
    CHECK(got.bytes == 400000);
    CHECK(got.sha256 == *f.request.sha256);
    CHECK(got.tries == 1);
    CHECK(f.whole());
    REQUIRE_FALSE(seen.empty());
    CHECK(seen.back().bytes == 400000);
    CHECK(seen.back().total == 400000);
}

TEST_CASE("fetch: a file of unknown size and digest comes whole too, and an empty one") {
    Fixture f;
    f.request.size.reset();
    f.request.sha256.reset();
    CHECK(f.fetch().sha256 == sha256_of(f.content));
    CHECK(f.whole());
    f.host.serve("/empty", "");
    FileRequest empty;
    empty.url = f.host.base() + "/empty";
    empty.to = f.scratch / "empty";
    CHECK(fetch_file(empty, f.options, {}).bytes == 0);
    CHECK(fs::file_size(empty.to) == 0);
}

TEST_CASE("fetch: cut at every tenth, it goes on there within the call") {
    for (int tenth = 0; tenth < 10; ++tenth) {
        for (const bool etags : {true, false}) {
            Fixture f;
            f.host.etags(etags);
            f.host.fault("x.bin", {Kind::cut, 40000 * tenth, 1, {}, {}});
            INFO("cut after " << tenth << " tenths");
            const auto got = f.fetch();
            CHECK(got.tries == 2);
            CHECK(f.whole());
            const auto asked = f.host.seen("x.bin");
            const auto range = asked.back().headers.find("range");
            if (tenth == 0) {
                CHECK(range == asked.back().headers.end());
            } else {
                REQUIRE(range != asked.back().headers.end());
                CHECK(range->second == concat("bytes=", 40000 * tenth, "-"));
            }
        }
    }
}

TEST_CASE("fetch: cut at every tenth, the next run of the program goes on there") {
    for (int tenth = 1; tenth < 10; ++tenth) {
        Fixture f;
        f.options.tries_max = 1;
        f.host.fault("x.bin", {Kind::cut, 40000 * tenth, 1, {}, {}});
        std::string sentence;
        CHECK(f.fault_of_fetch(sentence) == Fault::network);
        CHECK_THAT(sentence, ContainsSubstring("goes on there"));
        CHECK_FALSE(fs::exists(f.request.to));
        CHECK(f.fetch().resumed_bytes == 40000 * tenth);
        CHECK(f.whole());
    }
}

TEST_CASE("fetch: without digest, only the same ETag lets a part go on") {
    Fixture f;
    f.request.sha256.reset();
    f.request.size.reset();
    f.options.tries_max = 1;
    f.host.fault("x.bin", {Kind::cut, 100000, 1, {}, {}});
    std::string sentence;
    CHECK(f.fault_of_fetch(sentence) == Fault::network);
    SECTION("unchanged: goes on") {
        CHECK(f.fetch().resumed_bytes == 100000);
        CHECK(f.host.seen().back().headers.count("if-range") == 1);
    }
    SECTION("changed meanwhile: the whole of the new one") {
        f.content = "new" + some_bytes(300000);
        f.host.serve("/x.bin", f.content);
        const bool knows_if_range = GENERATE(true, false);
        if (!knows_if_range) f.host.fault("x.bin", {Kind::ignore_if_range, 0, -1, {}, {}});
        f.options.tries_max = 2;
        CHECK(f.fetch().bytes == 300003);
    }
    CHECK(f.whole());
}

TEST_CASE("fetch: a part that was damaged on the disk is noticed, and all is fetched again") {
    Fixture f;
    f.options.tries_max = 1;
    f.host.fault("x.bin", {Kind::cut, 200000, 1, {}, {}});
    std::string sentence;
    CHECK(f.fault_of_fetch(sentence) == Fault::network);
    auto part = *system::read_file(part_file(f.request.to), 1U << 20);
    REQUIRE(part.size() == 200000);
    part[77] = static_cast<char>(part[77] ^ 1);
    system::write_file_atomically(part_file(f.request.to), part);
    static_cast<void>(f.fetch());
    CHECK(f.whole());
}

TEST_CASE("fetch: a part longer than the file, or with a broken record, is thrown away") {
    Fixture f;
    const bool too_long = GENERATE(true, false);
    system::write_file_atomically(part_file(f.request.to),
                                  too_long ? some_bytes(500000) : "something");
    system::write_file_atomically(
        part_record_file(f.request.to),
        too_long ? concat(R"({"url":"x","sha256":")", *f.request.sha256, R"("})") : "{\"url\"");
    CHECK(f.fetch().resumed_bytes == 0);
    CHECK(f.whole());
}

TEST_CASE("fetch: a server without ranges, and one that lies about them, still give the file") {
    const auto kind = GENERATE(Kind::ignore_range, Kind::lie_range);
    Fixture f;
    f.host.fault("x.bin", {Kind::cut, 200000, 1, {}, {}});
    f.host.fault("x.bin", {kind, 0, kind == Kind::lie_range ? 1 : -1, {}, {}});
    static_cast<void>(f.fetch());
    CHECK(f.whole());
}

TEST_CASE("fetch: wrong content is an integrity fault and leaves nothing") {
    Fixture f;
    std::string sentence;
    SECTION("another digest") {
        f.host.fault("x.bin", {Kind::flip, 123456, -1, {}, {}});
        CHECK(f.fault_of_fetch(sentence) == Fault::integrity);
        CHECK_THAT(sentence, ContainsSubstring("SHA-256") && ContainsSubstring(*f.request.sha256));
    }
    SECTION("too short") {
        f.host.fault("x.bin", {Kind::truncate, 399999, -1, {}, {}});
        CHECK(f.fault_of_fetch(sentence) == Fault::integrity);
        CHECK_THAT(sentence, ContainsSubstring("399999 bytes"));
    }
    SECTION("too long") {
        f.host.fault("x.bin", {Kind::longer, 1, -1, {}, {}});
        CHECK(f.fault_of_fetch(sentence) == Fault::integrity);
        CHECK_THAT(sentence, ContainsSubstring("400001 bytes"));
    }
    SECTION("a web page") {
        f.request.archive = true;
        f.host.fault("x.bin", {Kind::html, 0, -1, {}, {}});
        CHECK(f.fault_of_fetch(sentence) == Fault::integrity);
        CHECK_THAT(sentence, ContainsSubstring("web page"));
    }
    SECTION("no archive, when nothing else is known") {
        f.request.archive = true;
        f.request.size.reset();
        f.request.sha256.reset();
        CHECK(f.fault_of_fetch(sentence) == Fault::integrity);
        CHECK_THAT(sentence, ContainsSubstring("no archive"));
    }
    CHECK(f.files() == 0);
}

TEST_CASE("fetch: a length that the server promises and does not keep is a broken connection") {
    Fixture f;
    f.request.size.reset();
    f.request.sha256.reset();
    f.host.fault("x.bin", {Kind::cut, 399999, 1, {}, {}});
    static_cast<void>(f.fetch());
    CHECK(f.whole());
}

TEST_CASE("fetch: statuses that pass are tried again, others are not") {
    for (const int status : {429, 500, 502, 503, 504}) {
        Fixture f;
        INFO(status);
        f.host.fault("x.bin", {Kind::status, status, 2, {}, {}});
        CHECK(f.fetch().tries == 3);
        CHECK(f.whole());
    }
    for (const int status : {400, 401, 403, 404, 410}) {
        Fixture f;
        f.host.fault("x.bin", {Kind::status, status, -1, {}, {}});
        std::string sentence;
        CHECK(f.fault_of_fetch(sentence) == Fault::network);
        CHECK_THAT(sentence, ContainsSubstring(std::to_string(status)));
        CHECK(f.host.seen().size() == 1);
        CHECK(f.files() == 0);
    }
}

TEST_CASE("fetch: a status that does not pass ends the tries") {
    Fixture f;
    f.host.fault("x.bin", {Kind::status, 503, -1, {}, {}});
    std::string sentence;
    CHECK(f.fault_of_fetch(sentence) == Fault::network);
    CHECK_THAT(sentence, ContainsSubstring("503") && ContainsSubstring("3 tries"));
    CHECK(f.host.seen().size() == 3);
    CHECK(f.files() == 0);
}

TEST_CASE("fetch: a long Retry-After is told, not waited for") {
    Fixture f;
    f.host.fault("x.bin", {Kind::status, 429, -1, {}, {{"Retry-After", "3600"}}});
    std::string sentence;
    CHECK(f.fault_of_fetch(sentence) == Fault::network);
    CHECK_THAT(sentence, ContainsSubstring("3600 s"));
    CHECK(f.host.seen().size() == 1);
}

TEST_CASE("fetch: silence and dripping are broken connections") {
    const auto kind = GENERATE(Kind::stall, Kind::drip);
    Fixture f;
    f.options.tries_max = 2;
    f.host.fault("x.bin", {kind, 20, -1, {}, {}});
    std::string sentence;
    CHECK(f.fault_of_fetch(sentence) == Fault::network);
    CHECK_THAT(sentence, ContainsSubstring("no progress"));
    CHECK_FALSE(fs::exists(f.request.to));
}

TEST_CASE("fetch: redirects are followed to where trust goes, a bounded number of times") {
    Fixture f;
    std::string sentence;
    SECTION("to another path") {
        f.host.fault("/start", {Kind::redirect, 0, -1, f.host.base() + "/x.bin", {}});
        f.request.url = f.host.base() + "/start";
        CHECK(f.fetch().tries == 1);
        CHECK(f.whole());
    }
    SECTION("in a circle") {
        f.host.fault("x.bin", {Kind::redirect_loop, 0, -1, {}, {}});
        CHECK(f.fault_of_fetch(sentence) == Fault::network);
        CHECK_THAT(sentence, ContainsSubstring("redirects"));
        CHECK(f.files() == 0);
    }
    SECTION("to plain http elsewhere") {
        f.host.fault("x.bin", {Kind::redirect, 0, -1, "http://example.com/x.bin", {}});
        CHECK(f.fault_of_fetch(sentence) == Fault::network);
        CHECK_THAT(sentence, ContainsSubstring("plain http"));
        CHECK(f.files() == 0);
    }
    SECTION("to a file of this machine") {
        f.host.fault("x.bin", {Kind::redirect, 0, -1, "file:///etc/passwd", {}});
        CHECK(f.fault_of_fetch(sentence) == Fault::network);
        CHECK(f.files() == 0);
    }
}

TEST_CASE("fetch: a token goes to the host that was asked and not to where it redirects") {
    Fixture f;
    ReleaseHost other;
    other.serve("/x.bin", f.content);
    f.host.fault("x.bin", {Kind::redirect, 0, -1, other.base() + "/x.bin", {}});
    f.request.bearer = "secret";
    static_cast<void>(f.fetch());
    CHECK(f.host.seen().front().headers.at("authorization") == "Bearer secret");
    CHECK(other.seen().front().headers.count("authorization") == 0);
}

TEST_CASE("fetch: nobody there, and addresses that are not to be trusted") {
    Fixture f;
    std::string sentence;
    {
        const ReleaseHost gone;
        f.request.url = gone.base() + "/x.bin";
    }
    CHECK(f.fault_of_fetch(sentence) == Fault::network);
    CHECK_THAT(sentence, ContainsSubstring("no connection"));
    f.request.url = "http://example.com/x.bin";
    CHECK(f.fault_of_fetch(sentence) == Fault::network);
    CHECK_THAT(sentence, ContainsSubstring("use https"));
    f.request.url = "file:///etc/passwd";
    CHECK(f.fault_of_fetch(sentence) == Fault::network);
    CHECK(f.files() == 0);
}

TEST_CASE("fetch: stopped in the middle, it keeps what it has") {
    Fixture f;
    f.host.fault("x.bin", {Kind::stall, 100000, 1, {}, {}});
    bool stop = false;
    f.options.stall_limit = 1h;
    f.options.stopped = [&] { return stop; };
    CHECK_THROWS_AS(
        fetch_file(f.request, f.options, [&](const auto& now) { stop = now.bytes > 0; }), Stopped);
    stop = false;
    f.options.stopped = {};
    CHECK(f.fetch().resumed_bytes == 100000);
    CHECK(f.whole());
}

TEST_CASE("fetch: a file that the disk cannot hold is refused before a byte is asked for") {
    Fixture f;
    f.request.size = std::int64_t{1} << 60;
    std::string sentence;
    CHECK(f.fault_of_fetch(sentence) == Fault::network);
    CHECK_THAT(sentence, ContainsSubstring("are free"));
    CHECK(f.host.seen().empty());
    CHECK(f.files() == 0);
}

#ifndef _WIN32
TEST_CASE("fetch: a disk that becomes full says so and is not left full") {
    Fixture f;
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    auto* handler = std::signal(SIGXFSZ, SIG_IGN);
    auto low = before;
    low.rlim_cur = 200000;
    REQUIRE(setrlimit(RLIMIT_FSIZE, &low) == 0);
    std::string sentence;
    const auto fault = f.fault_of_fetch(sentence);
    setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    CHECK(fault == Fault::network);
    CHECK_THAT(sentence, ContainsSubstring("writing"));
    CHECK(f.files() == 0);
}
#endif

TEST_CASE("fetch: texts come with status and headers; a size is not exceeded") {
    ReleaseHost host;
    host.serve("/a.json", "{\"a\":1}", "application/json");
    TextRequest request;
    request.url = host.base() + "/a.json";
    const auto reply = fetch_text(request, quick());
    CHECK(reply.head.status == 200);
    CHECK(reply.body == "{\"a\":1}");
    CHECK(reply.head.header("content-type") == "application/json");
    request.etag = std::string(reply.head.header("etag"));
    CHECK(fetch_text(request, quick()).head.status == 304);
    request.etag.reset();
    request.bytes_max = 6;
    CHECK_THROWS_AS(fetch_text(request, quick()), Error);
    request.url = host.base() + "/none";
    request.bytes_max = 1000;
    CHECK(fetch_text(request, quick()).head.status == 404);
}

TEST_CASE(
    "fetch: texts are tried again on 5xx and on a broken connection, and a 429 is an answer") {
    ReleaseHost host;
    host.serve("/a.json", "{}");
    TextRequest request;
    request.url = host.base() + "/a.json";
    host.fault("a.json", {Kind::status, 500, 1, {}, {}});
    host.fault("a.json", {Kind::cut, 1, 1, {}, {}});
    CHECK(fetch_text(request, quick()).body == "{}");
    CHECK(host.seen().size() == 3);
    host.fault("a.json", {Kind::status, 429, 1, {}, {}});
    CHECK(fetch_text(request, quick()).head.status == 429);
    host.fault("a.json", {Kind::status, 503, -1, {}, {}});
    CHECK(fetch_text(request, quick()).head.status == 503);
}
