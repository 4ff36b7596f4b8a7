// Web addresses: taking them apart, and which of them may be asked (docs/security.md, "Downloads").
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::download {

struct Url {
    std::string scheme; // lower case
    std::string user;   // "name:password" as written, or empty
    std::string host;   // lower case; an IPv6 address with its brackets
    int port = 0;       // the scheme's own when none is written
    std::string path;   // from the first '/', with the query; "/" when there is none
};

// http and https alone, no spaces, no control characters, at most 8 KiB.
[[nodiscard]] std::optional<Url> parsed_url(std::string_view text);
// "https://host" or "https://host:8443".
[[nodiscard]] std::string origin_of(const Url& url);
// Without user and query: what may be logged or shown. A text that is no address: "(not an
// address)".
[[nodiscard]] std::string shown_url(std::string_view text);
// 127.0.0.0/8, ::1 or localhost; no port; IPv6 in brackets or bare.
[[nodiscard]] bool is_loopback_host(std::string_view host);
[[nodiscard]] bool is_address(std::string_view host); // a literal IPv4 or bracketed IPv6
[[nodiscard]] bool is_loopback(const Url& url);

// The trust boundary: https goes anywhere, plain http to this machine and to origins that the user
// named with "http://" (a mirror in the own network).
struct Trust {
    std::vector<std::string> plain_http; // origins, as origin_of gives them
};
// Adds the origin of a setting's value when that is plain http.
void trust_setting(Trust& trust, std::string_view setting_url);

// Nothing when it may be asked; else the sentence why not.
[[nodiscard]] std::optional<std::string> distrusted(const Url& url, const Trust& trust);
// The same for a redirect: besides, never from https to http.
[[nodiscard]] std::optional<std::string> distrusted_redirect(const Url& from, const Url& to,
                                                             const Trust& trust);

// `url` with `from` at its beginning replaced by `to`; unchanged when it begins otherwise. Both
// bases without a '/' at their end.
[[nodiscard]] std::string rebased(std::string_view url, std::string_view from, std::string_view to);
// "https://mirror.example/github/" → without the '/' at its end.
[[nodiscard]] std::string base_url(std::string_view setting);

// %XX and, in a query, '+'. Absent: a '%' without two hexadecimal digits.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space);
// Everything but the unreserved characters of RFC 3986, and those of `kept`, as %XX.
[[nodiscard]] std::string percent_encoded(std::string_view text, std::string_view kept = {});

} // namespace odysseus::download
