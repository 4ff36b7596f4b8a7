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

} // namespace

bool host_allowed(const AccessRules& rules, std::string_view host) {
    if (host.empty()) return true;
    if (listed(rules.hosts, host)) return true;
    const auto name = without_port(host);
    if (!name) return false;
    if (download::is_loopback_host(*name) || listed(rules.hosts, *name)) return true;
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
    if (!same_name(scheme, "http") && !same_name(scheme, "https")) return false;
    const auto authority = origin->substr(scheme_end + 3);
    if (!host.empty() && same_name(authority, host)) return true;
    const auto name = without_port(authority);
    return name && download::is_loopback_host(*name);
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
