#include "odysseus/download/url.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::download;

TEST_CASE("url: taken apart") {
    const auto url = parsed_url("HTTPS://me:secret@Example.COM:8443/a/b?c=d#e");
    REQUIRE(url);
    CHECK(url->scheme == "https");
    CHECK(url->user == "me:secret");
    CHECK(url->host == "example.com");
    CHECK(url->port == 8443);
    CHECK(url->path == "/a/b?c=d");
    CHECK(parsed_url("http://h")->path == "/");
    CHECK(parsed_url("http://h")->port == 80);
    CHECK(parsed_url("http://h?x=1")->path == "/?x=1");
    CHECK(parsed_url("http://[::1]:80/x")->host == "[::1]");
    CHECK(origin_of(*parsed_url("http://h:80/x")) == "http://h");
    CHECK(origin_of(*parsed_url("https://h:80/x")) == "https://h:80");
}

TEST_CASE("url: what is none is refused") {
    for (const char* bad :
         {"", "h", "//h/x", "ftp://h/x", "file:///etc/passwd", "http://", "https:///x",
          "http://h:0/", "http://h:99999/", "http://h:8x/", "http://[::1/", "http://h/a b",
          "http://h/a\r\nX: y", "http://h\\@evil/"}) {
        INFO(bad);
        CHECK_FALSE(parsed_url(bad).has_value());
    }
    CHECK_FALSE(parsed_url("https://h/" + std::string(9000, 'a')).has_value());
}

TEST_CASE("url: what is shown holds no secret") {
    CHECK(shown_url("https://me:secret@h/x.gz?sig=abc") == "https://h/x.gz");
    CHECK(shown_url("secret") == "(not an address)");
}

TEST_CASE("url: plain http goes to this machine and to what the user named, nowhere else") {
    Trust trust;
    trust_setting(trust, "http://mirror.lan:8081/github");
    trust_setting(trust, "https://api.example.com");
    struct Case {
        const char* url;
        bool trusted;
    };
    for (const auto& [text, trusted] : std::initializer_list<Case>{
             {"https://example.com/x", true},
             {"http://127.0.0.1:9/x", true},
             {"http://127.8.9.10/x", true},
             {"http://localhost/x", true},
             {"http://[::1]:9/x", true},
             {"http://mirror.lan:8081/other", true},
             {"http://mirror.lan/x", false}, // another port is another origin
             {"http://api.example.com/x", false},
             {"http://127.0.0.1.example.com/x", false},
             {"http://localhost.example.com/x", false},
             {"http://127.1/x", false},
         }) {
        INFO(text);
        CHECK(distrusted(*parsed_url(text), trust).has_value() == !trusted);
    }
}

TEST_CASE("url: redirects never leave https, and never lead into this machine") {
    const Trust trust{{"http://mirror.lan"}};
    const auto bad = [&](const char* from, const char* to) {
        return distrusted_redirect(*parsed_url(from), *parsed_url(to), trust).has_value();
    };
    CHECK_FALSE(bad("https://github.com/x", "https://assets.example.com/x"));
    CHECK_FALSE(bad("http://127.0.0.1:1/x", "http://127.0.0.1:2/x"));
    CHECK_FALSE(bad("http://mirror.lan/x", "https://assets.example.com/x"));
    CHECK(bad("https://github.com/x", "http://mirror.lan/x"));
    CHECK(bad("https://github.com/x", "http://127.0.0.1/x"));
    CHECK(bad("https://github.com/x", "https://localhost/x"));
    CHECK(bad("http://mirror.lan/x", "http://127.0.0.1/x"));
    CHECK(bad("http://127.0.0.1/x", "http://example.com/x"));
}

TEST_CASE(
    "url: a mirror takes the place of the official base, and of nothing that only looks like it") {
    const auto to_mirror = [](const char* url) {
        return rebased(url, "https://github.com", "http://127.0.0.1:9/gh");
    };
    CHECK(to_mirror("https://github.com/o/n/x") == "http://127.0.0.1:9/gh/o/n/x");
    CHECK(to_mirror("https://github.com.evil/x") == "https://github.com.evil/x");
    CHECK(to_mirror("https://other/x") == "https://other/x");
    CHECK(to_mirror("https://github.com") == "http://127.0.0.1:9/gh");
    CHECK(to_mirror("") == "");
    CHECK(base_url("http://h/x//") == "http://h/x");
    CHECK(base_url("") == "");
}
