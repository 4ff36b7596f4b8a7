// Where another machine answers (--peer URL[#KEY]), and whether a key may be sent there.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace odysseus::proxy {

struct PeerAddress {
    std::string name;   // its host; "host:port" where two peers share one
    bool tls = false;   // https
    std::string pinned; // digest of the one certificate that will do; empty: a trusted one
    std::string host;   // to connect to, without brackets
    int port = 0;
    std::string authority; // for Host: "box:8080", "[::1]:8080"
    std::string path;      // before /v1/...; "" or "/api"
    std::string key;       // empty: none. Never shown.

    [[nodiscard]] std::string url() const; // without the key
};

// One for each text, in their order; or the sentence why one of them will not do. A sentence never
// repeats a key.
[[nodiscard]] std::variant<std::vector<PeerAddress>, std::string>
peer_addresses(const std::vector<std::string>& texts);

} // namespace odysseus::proxy
