#include "odysseus/proxy/peer_address.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::proxy;

namespace {

std::vector<PeerAddress> good(const std::vector<std::string>& texts) {
    const auto peers = peer_addresses(texts);
    INFO((std::holds_alternative<std::string>(peers) ? std::get<std::string>(peers) : ""));
    REQUIRE(std::holds_alternative<std::vector<PeerAddress>>(peers));
    return std::get<std::vector<PeerAddress>>(peers);
}

std::string refused(const std::vector<std::string>& texts) {
    const auto peers = peer_addresses(texts);
    REQUIRE(std::holds_alternative<std::string>(peers));
    return std::get<std::string>(peers);
}

} // namespace

TEST_CASE("peer address: what people paste") {
    struct Row {
        const char* text;
        const char* name;
        const char* host;
        int port;
        const char* authority;
        const char* path;
        const char* key;
    };
    const Row rows[] = {
        {"http://127.0.0.1:8081", "127.0.0.1", "127.0.0.1", 8081, "127.0.0.1:8081", "", ""},
        {"http://127.0.0.1:8081#secret", "127.0.0.1", "127.0.0.1", 8081, "127.0.0.1:8081", "",
         "secret"},
        {"http://Box.local:8080/v1/", "box.local", "box.local", 8080, "box.local:8080", "", ""},
        {"http://box/api/v1", "box", "box", 80, "box:80", "/api", ""},
        {"http://[::1]:8081#k#with#more", "[::1]", "::1", 8081, "[::1]:8081", "", "k#with#more"},
        {"http://[fe80::2]:9", "[fe80::2]", "fe80::2", 9, "[fe80::2]:9", "", ""},
    };
    for (const auto& row : rows) {
        INFO(row.text);
        const auto peer = good({row.text}).at(0);
        CHECK(peer.name == row.name);
        CHECK(peer.host == row.host);
        CHECK(peer.port == row.port);
        CHECK(peer.authority == row.authority);
        CHECK(peer.path == row.path);
        CHECK(peer.key == row.key);
        CHECK_FALSE(peer.tls);
        CHECK(peer.url().find(row.authority) == 7);
    }
    const auto secure = good({"https://box.example#secret"}).at(0);
    CHECK(secure.tls);
    CHECK(secure.port == 443);
    CHECK(secure.url() == "https://box.example:443");
}

TEST_CASE("peer address: peers on one host are told apart by their ports") {
    const auto peers = good({"http://box:1", "http://box:2", "http://other:1"});
    CHECK(peers[0].name == "box:1");
    CHECK(peers[1].name == "box:2");
    CHECK(peers[2].name == "other");
}

TEST_CASE("peer address: what is refused, and never with the key in the sentence") {
    struct Row {
        std::vector<std::string> texts;
        const char* says;
    };
    const Row rows[] = {
        {{"http://192.168.1.7:8080#hush"}, "in the clear"},
        {{"http://box.example:8080#hush"}, "ssh -L"},
        {{"ftp://box#hush"}, "127.0.0.1:PORT"},
        {{"box:8080#hush"}, "127.0.0.1:PORT"},
        {{"http://me:hush@box:8080"}, "name before its host"},
        {{"http://127.0.0.1:8080?key=hush"}, "query"},
        {{"http://127.0.0.1:8080#"}, "without a usable key"},
        {{"http://127.0.0.1:8080#hush hush"}, "without a usable key"},
        {{"http://127.0.0.1:8080#hush\r\nX: hush"}, "without a usable key"},
        {{"http://a:1", "http://a:1#hush"}, ""},
        {{"http://127.0.0.1:1#hush", "http://127.0.0.1:1/v1"}, "twice"},
        {std::vector<std::string>(33, "http://a:1"), "33"},
    };
    for (const auto& row : rows) {
        INFO(row.texts.front());
        const auto why = refused(row.texts);
        CHECK(why.find(row.says) != std::string::npos);
        CHECK(why.find("hush") == std::string::npos);
        CHECK(why.find('\r') == std::string::npos);
    }
}
