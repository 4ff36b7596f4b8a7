#include "odysseus/proxy/access.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/download/url.hpp"

#include <algorithm>
#include <array>

namespace odysseus::proxy {
namespace {

// "localhost:8080" → "localhost", "[::1]:8080" → "[::1]"; absent when what follows is no port.
std::optional<std::string_view> without_port(std::string_view host) {
    const auto name_end =
        host.substr(0, 1) == "[" ? host.find(']') + 1 : std::min(host.find(':'), host.size());
    if (name_end == 0) return std::nullopt;
    const auto rest = host.substr(name_end);
    if (rest.empty()) return host;
    const auto port = parsed_int(rest.substr(1));
    if (rest.front() != ':' || !port || *port < 0 || *port > 65535) return std::nullopt;
    return host.substr(0, name_end);
}

bool listed(const std::vector<std::string>& list, std::string_view text) {
    return std::any_of(list.begin(), list.end(), [&](const std::string& entry) {
        return entry == "*" || same_name(entry, text);
    });
}

// Names that containers have for the machine they run on; no name server outside gives them.
bool is_container_name(std::string_view name) {
    static constexpr std::array<std::string_view, 4> k_names{
        "host.docker.internal", "gateway.docker.internal", "host.containers.internal",
        "host.lima.internal"};
    return std::any_of(k_names.begin(), k_names.end(),
                       [name](std::string_view known) { return same_name(known, name); });
}

// Names of loopback that a hosts file gives, and spellings of its addresses.
bool is_loopback_name(std::string_view name) {
    if (name.size() > 1 && name.back() == '.') name.remove_suffix(1);
    return download::is_loopback_host(name) || same_name(name, "ip6-localhost") ||
           same_name(name, "ip6-loopback");
}

// Schemes that pages of the web, or files and documents without an origin of their own, can have.
bool is_page_scheme(std::string_view scheme) {
    static constexpr std::array<std::string_view, 14> k_schemes{
        "http", "https", "ws",         "wss",   "ftp",         "file",    "filesystem",
        "blob", "data",  "javascript", "about", "view-source", "content", "intent"};
    return std::any_of(k_schemes.begin(), k_schemes.end(),
                       [scheme](std::string_view known) { return same_name(known, scheme); });
}

// "app://obsidian.md": a scheme of a program's own, and something behind it.
bool is_program_origin(std::string_view scheme, std::string_view authority) {
    const auto is_letter = [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; };
    const bool well_formed =
        !scheme.empty() && is_letter(scheme.front()) &&
        std::all_of(scheme.begin(), scheme.end(), [&](char c) {
            return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        });
    return well_formed && !is_page_scheme(scheme) && !authority.empty() &&
           authority.find_first_of(" ,/") == std::string_view::npos;
}

// As much of a client's text as may stand in a sentence, and be copied from it into a shell.
std::string shown(std::string_view text) {
    constexpr std::size_t k_shown_max = 120;
    std::string safe(text.substr(0, k_shown_max));
    for (char& c : safe) {
        const bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!plain && std::string_view(".:-_/[]+").find(c) == std::string_view::npos) c = '?';
    }
    return safe;
}

} // namespace

bool is_local_address(std::string_view address) {
    constexpr std::string_view k_mapped = "::ffff:";
    if (same_name(address.substr(0, k_mapped.size()), k_mapped))
        address.remove_prefix(k_mapped.size());
    if (address.find(':') != std::string_view::npos) {
        const auto low = lowered(address.substr(0, 4));
        return address == "::1" || low.starts_with("fc") || low.starts_with("fd") ||
               (low.starts_with("fe") && low.size() > 2 && low[2] >= '8' && low[2] <= 'b');
    }
    const auto parts = split(address, '.');
    if (parts.size() != 4) return false;
    const auto first = parsed_int(parts[0]).value_or(-1);
    const auto second = parsed_int(parts[1]).value_or(-1);
    return first == 127 || first == 10 || (first == 172 && second >= 16 && second <= 31) ||
           (first == 192 && second == 168) || (first == 169 && second == 254);
}

std::string host_refusal(const AccessRules& rules, std::string_view host) {
    const auto name = without_port(host).value_or(host);
    return concat("This server does not answer to the Host '", shown(host), "'; start it with ",
                  "--allow-host ", shown(name),
                  rules.keys.empty() ? "" : " or send a valid API key", " to let it in.");
}

std::string origin_refusal(const HeaderLines& headers) {
    const auto origin = header(headers, "origin");
    if (!origin)
        return "Pages of another site may not use this server; start it with --allow-origin "
               "ORIGIN to let the origin of that page in.";
    return concat("Pages of the origin '", shown(*origin), "' may not use this server; start it ",
                  "with --allow-origin ", shown(*origin), " to let them in.");
}

bool host_allowed(const AccessRules& rules, std::string_view host, const Caller& caller) {
    if (host.empty() || caller.with_valid_key) return true;
    if (listed(rules.hosts, host)) return true;
    const auto name = without_port(host);
    if (!name) return false;
    if (is_loopback_name(*name) || listed(rules.hosts, *name)) return true;
    if (caller.is_local && is_container_name(*name)) return true;
    return rules.listens_beyond_loopback && download::is_address(*name);
}

bool origin_allowed(const AccessRules& rules, const HeaderLines& headers, std::string_view host) {
    const auto origin = header(headers, "origin");
    if (!origin) {
        // A page elsewhere that embeds or fetches without CORS; following a link is another thing.
        const auto site = header(headers, "sec-fetch-site").value_or("");
        const auto mode = header(headers, "sec-fetch-mode").value_or("");
        return !same_name(site, "cross-site") || same_name(mode, "navigate") ||
               listed(rules.origins, "*");
    }
    if (listed(rules.origins, *origin)) return true;
    const auto scheme_end = origin->find("://");
    if (scheme_end == std::string_view::npos) return false; // "null" among others
    const auto scheme = origin->substr(0, scheme_end);
    const auto authority = origin->substr(scheme_end + 3);
    if (is_program_origin(scheme, authority)) return true;
    if (!same_name(scheme, "http") && !same_name(scheme, "https")) return false;
    if (!host.empty() && same_name(authority, host)) return true;
    const auto name = without_port(authority);
    return name && is_loopback_name(*name);
}

bool same_secret(std::string_view a, std::string_view b) {
    // The time depends on the length of what the client sent alone.
    unsigned difference = a.size() == b.size() ? 0 : 1;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const char other = b.empty() ? '\0' : b[i % b.size()];
        difference |= static_cast<unsigned char>(a[i] ^ other);
    }
    return difference == 0;
}

bool key_allowed(const AccessRules& rules, const HeaderLines& headers) {
    if (rules.keys.empty()) return true;
    bool allowed = false;
    const auto check = [&](std::string_view given) {
        for (const auto& key : rules.keys)
            allowed = same_secret(given, key) || allowed;
    };
    if (const auto line = header(headers, "authorization")) {
        constexpr std::string_view k_scheme = "bearer ";
        if (same_name(line->substr(0, k_scheme.size()), k_scheme))
            check(trimmed(line->substr(k_scheme.size())));
    }
    if (const auto line = header(headers, "x-api-key")) check(*line);
    return allowed;
}

bool is_page_asset(std::string_view method, std::string_view path) {
    if (method != "GET" && method != "HEAD") return false;
    if (path == "/") return true;
    constexpr std::array<std::string_view, 10> k_endings = {
        ".html", ".js", ".css", ".svg", ".png", ".ico", ".woff2", ".webp", ".webmanifest", ".json"};
    return std::any_of(k_endings.begin(), k_endings.end(), [&](std::string_view ending) {
        return path.size() > ending.size() && path.substr(path.size() - ending.size()) == ending;
    });
}

} // namespace odysseus::proxy
