#include "odysseus/download/url.hpp"
#include "odysseus/proxy/access.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace odysseus;
using namespace odysseus::download;
using namespace odysseus::proxy;

TEST_CASE("Hosts: loopback names and what is configured, nothing that only looks like it") {
    AccessRules rules;
    rules.hosts = {"box.lan", "other.lan:8080"};
    for (const auto* host :
         {"localhost", "localhost:8080", "LOCALHOST", "127.0.0.1:8080", "127.1.2.3", "[::1]",
          "[::1]:8080", "app.localhost", "box.lan", "BOX.lan:1234", "other.lan:8080", ""}) {
        CAPTURE(host);
        CHECK(host_allowed(rules, host));
    }
    for (const auto* host :
         {"evil.com", "localhost.evil.com", "127.0.0.1.evil.com", "evillocalhost", "127.0.0.1x",
          "other.lan", "box.lan.evil.com", "10.0.0.1", "192.168.1.5:8080", "[fe80::1]",
          "localhost:80:80", "localhost:x", "[::1", "0.0.0.0", "2130706433"}) {
        CAPTURE(host);
        CHECK_FALSE(host_allowed(rules, host));
    }
    rules.listens_beyond_loopback = true;
    CHECK(host_allowed(rules, "10.0.0.1:8080"));
    CHECK(host_allowed(rules, "[fe80::1]"));
    CHECK_FALSE(host_allowed(rules, "evil.com"));
    rules.hosts = {"*"};
    CHECK(host_allowed(rules, "evil.com"));
}

TEST_CASE("Origins: the same host, loopback and what is configured") {
    AccessRules rules;
    rules.origins = {"https://app.example"};
    const auto allowed = [&](std::string_view origin, std::string_view host = "localhost:8080") {
        return origin_allowed(rules, {{"Origin", origin}}, host);
    };
    CHECK(origin_allowed(rules, {}, "localhost"));
    CHECK(allowed("http://localhost:3000"));
    CHECK(allowed("https://127.0.0.1"));
    CHECK(allowed("http://[::1]:5173"));
    CHECK(allowed("https://app.example"));
    CHECK(allowed("http://box.lan:8080", "box.lan:8080"));
    CHECK_FALSE(allowed("http://box.lan:8081", "box.lan:8080"));
    CHECK_FALSE(allowed("https://evil.com"));
    CHECK_FALSE(allowed("https://app.example.evil.com"));
    CHECK_FALSE(allowed("http://app.example"));
    CHECK_FALSE(allowed("null"));
    CHECK_FALSE(allowed(""));
    CHECK_FALSE(allowed("file://localhost"));
    CHECK_FALSE(allowed("http://localhost.evil.com"));
}

TEST_CASE("Origins: programs' own schemes, which no web page can have") {
    const AccessRules rules;
    const auto allowed = [&](std::string_view origin) {
        return origin_allowed(rules, {{"Origin", origin}}, "localhost:8080");
    };
    for (const auto* origin :
         {"app://obsidian.md", "tauri://localhost", "https://tauri.localhost",
          "http://tauri.localhost", "vscode-webview://1a2b3c", "vscode-file://vscode-app",
          "capacitor://localhost", "ionic://localhost", "chrome-extension://abcdef",
          "APP://Obsidian.md", "jan://x", "electron+x.y://z"}) {
        CAPTURE(origin);
        CHECK(allowed(origin));
    }
    for (const auto* origin : {"null",
                               "file://",
                               "file:///home",
                               "app://",
                               "://x",
                               "1app://x",
                               "ftp://evil.com",
                               "wss://evil.com",
                               "HTTPS://evil.com",
                               "httpS://evil.com",
                               "https ://evil.com",
                               " https://evil.com",
                               "app://x https://evil.com",
                               "app://x, https://evil.com",
                               "blob:https://evil.com",
                               "data://x",
                               "filesystem://evil.com",
                               "app:obsidian",
                               "app://a/b",
                               "https://tauri.localhost.evil.com"}) {
        CAPTURE(origin);
        CHECK_FALSE(allowed(origin));
    }
}

TEST_CASE("Hosts: a valid key opens every one, a local caller those of containers") {
    const AccessRules rules;
    for (const auto* host : {"host.docker.internal:8080", "GATEWAY.docker.internal",
                             "host.containers.internal:8080"}) {
        CAPTURE(host);
        CHECK(host_allowed(rules, host, {false, true}));
        CHECK_FALSE(host_allowed(rules, host, {false, false}));
        CHECK(host_allowed(rules, host, {true, false}));
    }
    for (const auto* host : {"odysseus:8080", "box.lan", "host.docker.internal.evil.com:80",
                             "evil.docker.internal", "host.docker.internal:8080:1"}) {
        CAPTURE(host);
        CHECK_FALSE(host_allowed(rules, host, {false, true}));
        CHECK(host_allowed(rules, host, {true, false}));
    }
    CHECK(host_allowed(rules, "ip6-localhost:8080"));
    CHECK(host_allowed(rules, "localhost.:8080"));
    CHECK_FALSE(host_allowed(rules, "evil.com."));
}

TEST_CASE("Local addresses: loopback, private and link-local ones") {
    for (const auto* address : {"127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "172.17.0.2",
                                "172.31.255.255", "192.168.1.5", "169.254.1.1", "::1", "fe80::1",
                                "FEBF::1", "fd00::2", "::ffff:172.17.0.2"}) {
        CAPTURE(address);
        CHECK(is_local_address(address));
    }
    for (const auto* address :
         {"", "8.8.8.8", "172.15.0.1", "172.32.0.1", "11.0.0.1", "192.169.1.1", "2001:db8::1",
          "::", "fec0::1", "::ffff:8.8.8.8", "127.0.0.1.evil"}) {
        CAPTURE(address);
        CHECK_FALSE(is_local_address(address));
    }
}

TEST_CASE("A refusal names what was asked with and the flag, and nothing that could do harm") {
    AccessRules rules;
    CHECK(host_refusal(rules, "box.lan:8080") ==
          "This server does not answer to the Host 'box.lan:8080'; start it with --allow-host "
          "box.lan to let it in.");
    rules.keys = {"k"};
    CHECK(host_refusal(rules, "box.lan").find("or send a valid API key") != std::string::npos);
    CHECK(origin_refusal({{"Origin", "https://a.example"}}) ==
          "Pages of the origin 'https://a.example' may not use this server; start it with "
          "--allow-origin https://a.example to let them in.");
    const auto nasty = origin_refusal({{"Origin", "https://$(rm)`x`;'\x1b[31m\xe2\x80\xae"}});
    CHECK(nasty.find_first_of("$`\x1b\xe2") == std::string::npos);
    CHECK(origin_refusal({{"Origin", std::string(5000, 'a')}}).size() < 500);
    CHECK(origin_refusal({}).find("--allow-origin") != std::string::npos);
}

TEST_CASE("A page elsewhere may link here, but not embed or fetch") {
    const AccessRules rules;
    const auto allowed = [&](std::string_view site, std::string_view mode) {
        return origin_allowed(rules, {{"Sec-Fetch-Site", site}, {"Sec-Fetch-Mode", mode}},
                              "localhost");
    };
    CHECK(allowed("cross-site", "navigate"));
    CHECK(allowed("same-origin", "cors"));
    CHECK(allowed("none", "navigate"));
    CHECK_FALSE(allowed("cross-site", "no-cors"));
}

TEST_CASE("Keys: Bearer or x-api-key, whole and exact") {
    AccessRules rules;
    CHECK(key_allowed(rules, {}));
    rules.keys = {"first", "second"};
    CHECK(key_allowed(rules, {{"Authorization", "Bearer first"}}));
    CHECK(key_allowed(rules, {{"authorization", "bearer  second"}}));
    CHECK(key_allowed(rules, {{"X-Api-Key", "second"}}));
    CHECK_FALSE(key_allowed(rules, {}));
    for (const auto* value : {"Bearer firs", "Bearer firstt", "Bearer ", "Bearer", "Basic first",
                              "first", "Bearer First", "Bearer firstsecond"}) {
        CAPTURE(value);
        CHECK_FALSE(key_allowed(rules, {{"Authorization", value}}));
    }
    CHECK_FALSE(key_allowed(rules, {{"X-Api-Key", ""}}));
    CHECK_FALSE(same_secret("", "a"));
    CHECK_FALSE(same_secret("a", ""));
    CHECK(same_secret("", ""));
    CHECK_FALSE(same_secret("aa", "a"));
}

TEST_CASE("What a browser loads before it can send a key") {
    CHECK(is_page_asset("GET", "/"));
    CHECK(is_page_asset("GET", "/bundle.js"));
    CHECK(is_page_asset("HEAD", "/index.html"));
    CHECK_FALSE(is_page_asset("POST", "/index.html"));
    CHECK_FALSE(is_page_asset("GET", "/props"));
    CHECK_FALSE(is_page_asset("GET", "/slots"));
}

TEST_CASE("Loopback: every way to write this machine, and nothing that only looks like it") {
    for (const char* host : {"localhost", "LocalHost", "a.localhost", "127.0.0.1", "127.8.9.10",
                             "::1", "[::1]", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1",
                             "[::FFFF:127.0.0.2]", "::ffff:7f00:1", "[::ffff:7F12:3456]"}) {
        INFO(host);
        CHECK(is_loopback_host(host));
    }
    for (const char* host : {"", "[]", "[", "::", "::2", "[::1", "0.0.0.0", "128.0.0.1", "127.0.0",
                             "127.evil", "127.0.0.1.evil", "localhost.evil", "::ffff:10.0.0.1",
                             "::ffff:7f0:1", "::ffff:", "::ffff:8000:1", "1::1"}) {
        INFO(host);
        CHECK_FALSE(is_loopback_host(host));
    }
}
