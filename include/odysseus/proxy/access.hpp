// Who may speak to odysseus (docs/security.md). Three questions, each answered from a request's
// head alone: does the Host name this server (else a web page has rebound its own name to
// 127.0.0.1), may the page that sent it do so, and does it bring a key.
#pragma once

#include "odysseus/proxy/http_head.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::proxy {

struct AccessRules {
    std::vector<std::string> keys;        // empty: none is asked for
    std::vector<std::string> hosts;       // allowed beside the loopback names; "*": any
    std::vector<std::string> origins;     // allowed beside the loopback ones; "*": any
    bool listens_beyond_loopback = false; // then an address is as good a Host as a name
};

// What is known of who asks.
struct Caller {
    bool with_valid_key = false; // one is asked for, and this one has it: a rebound page has none
    bool is_local = false;       // its address is one of this machine's or its network's own
};

// `host` as the Host line says it, with or without a port. An empty one is HTTP/1.0 without Host,
// which no browser sends.
[[nodiscard]] bool host_allowed(const AccessRules& rules, std::string_view host,
                                const Caller& caller = {});

// Loopback, private and link-local addresses: "127.0.0.1", "172.17.0.2", "fe80::1".
[[nodiscard]] bool is_local_address(std::string_view address);

// The sentences for who is refused: what was not allowed, and the flag that allows it. Nothing in
// them can harm a terminal.
[[nodiscard]] std::string host_refusal(const AccessRules& rules, std::string_view host);
[[nodiscard]] std::string origin_refusal(const HeaderLines& headers);

// The page behind the request: its Origin line, and what a browser tells in Sec-Fetch-Site where it
// sends no Origin. Programs' own schemes (app://, tauri://, vscode-webview://) are let in: no web
// page can have one. `host` is the request's own, already allowed.
[[nodiscard]] bool origin_allowed(const AccessRules& rules, const HeaderLines& headers,
                                  std::string_view host);

// `Authorization: Bearer KEY` or `x-api-key: KEY`. Every key is compared in full, in constant time.
[[nodiscard]] bool key_allowed(const AccessRules& rules, const HeaderLines& headers);

[[nodiscard]] bool same_secret(std::string_view a, std::string_view b);

// The parts of llama-server's web UI that a browser fetches before it can send a key.
[[nodiscard]] bool is_page_asset(std::string_view method, std::string_view path);

} // namespace odysseus::proxy
