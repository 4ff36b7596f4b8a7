#include "odysseus/download/url.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>

namespace odysseus::download {

namespace {

constexpr std::size_t k_url_bytes_max = 8192;

int default_port(std::string_view scheme) {
    return scheme == "https" ? 443 : 80;
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

bool is_ipv4(std::string_view host) {
    const auto parts = split(host, '.');
    return parts.size() == 4 && std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
               const auto value = parsed_int(part);
               return part.size() <= 3 && value && *value >= 0 && *value <= 255;
           });
}

// Splits "host:port", "[::1]:port" and both without a port.
bool take_host(std::string_view authority, Url& url) {
    std::string_view host = authority;
    std::string_view port;
    const auto bracket = authority.find(']');
    if (!authority.empty() && authority.front() == '[') {
        if (bracket == std::string_view::npos) return false;
        host = authority.substr(0, bracket + 1);
        port = authority.substr(bracket + 1);
    } else if (const auto colon = authority.find(':'); colon != std::string_view::npos) {
        host = authority.substr(0, colon);
        port = authority.substr(colon);
    }
    if (host.empty()) return false;
    url.host = lowered(host);
    url.port = default_port(url.scheme);
    if (port.empty()) return true;
    const auto number = parsed_int(port.substr(1));
    if (port.front() != ':' || !number || *number < 1 || *number > 65535) return false;
    url.port = static_cast<int>(*number);
    return true;
}

} // namespace

std::optional<Url> parsed_url(std::string_view text) {
    const auto printable = [](unsigned char c) { return c > ' ' && c != 0x7f && c != '\\'; };
    if (text.size() > k_url_bytes_max || !std::all_of(text.begin(), text.end(), printable)) {
        return std::nullopt;
    }
    Url url;
    const auto mark = text.find("://");
    if (mark == std::string_view::npos) return std::nullopt;
    url.scheme = lowered(text.substr(0, mark));
    if (url.scheme != "https" && url.scheme != "http") return std::nullopt;
    auto rest = text.substr(mark + 3);
    const auto end = std::min(rest.find_first_of("/?#"), rest.size());
    auto authority = rest.substr(0, end);
    url.path = rest.substr(end, rest.find('#') - end);
    if (url.path.empty() || url.path.front() != '/') url.path.insert(0, "/");
    if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
        url.user = authority.substr(0, at);
        authority.remove_prefix(at + 1);
    }
    if (!take_host(authority, url)) return std::nullopt;
    return url;
}

std::string origin_of(const Url& url) {
    if (url.port == default_port(url.scheme)) return concat(url.scheme, "://", url.host);
    return concat(url.scheme, "://", url.host, ":", url.port);
}

std::string shown_url(std::string_view text) {
    const auto url = parsed_url(text);
    if (!url) return "(not an address)";
    return origin_of(*url) + url->path.substr(0, url->path.find('?'));
}

bool is_loopback_host(std::string_view host) {
    if (same_name(host, "localhost")) return true;
    constexpr std::string_view k_below = ".localhost"; // RFC 6761: always loopback
    if (host.size() > k_below.size() &&
        same_name(host.substr(host.size() - k_below.size()), k_below))
        return true;
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        host = host.substr(1, host.size() - 2);
    if (host == "::1" || host == "0:0:0:0:0:0:0:1") return true;
    // An IPv4 address in IPv6's clothes, as ::ffff:127.0.0.1 or ::ffff:7f00:1.
    constexpr std::string_view k_mapped = "::ffff:";
    if (same_name(host.substr(0, k_mapped.size()), k_mapped)) {
        host = host.substr(k_mapped.size());
        if (host.size() > 4 && host[4] == ':' && same_name(host.substr(0, 2), "7f")) return true;
    }
    return is_ipv4(host) && host.substr(0, 4) == "127.";
}

bool is_address(std::string_view host) {
    if (is_ipv4(host)) return true;
    return host.size() > 3 && host.front() == '[' && host.back() == ']' &&
           host.substr(1, host.size() - 2).find_first_not_of("0123456789abcdefABCDEF:.") ==
               std::string_view::npos;
}

bool is_loopback(const Url& url) {
    return is_loopback_host(url.host);
}

void trust_setting(Trust& trust, std::string_view setting_url) {
    const auto url = parsed_url(setting_url);
    if (url && url->scheme == "http") trust.plain_http.push_back(origin_of(*url));
}

std::optional<std::string> distrusted(const Url& url, const Trust& trust) {
    if (url.scheme == "https" || is_loopback(url)) return std::nullopt;
    const auto& known = trust.plain_http;
    if (std::find(known.begin(), known.end(), origin_of(url)) != known.end()) return std::nullopt;
    return concat("plain http to ", url.host, " is not trusted; use https");
}

std::optional<std::string> distrusted_redirect(const Url& from, const Url& to, const Trust& trust) {
    if (from.scheme == "https" && to.scheme == "http") {
        return concat("a redirect from https to plain http (", to.host, ") is not followed");
    }
    // An answer from the network must not be able to send requests to this machine's own services.
    if (is_loopback(to) && !is_loopback(from)) {
        return concat("a redirect from ", from.host, " to this machine itself is not followed");
    }
    return distrusted(to, trust);
}

std::string rebased(std::string_view url, std::string_view from, std::string_view to) {
    const auto rest = url.substr(std::min(from.size(), url.size()));
    if (url.substr(0, from.size()) != from || (!rest.empty() && rest.front() != '/')) {
        return std::string(url);
    }
    return concat(to, rest);
}

std::string base_url(std::string_view setting) {
    while (!setting.empty() && setting.back() == '/')
        setting.remove_suffix(1);
    return std::string(setting);
}

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+' && plus_is_space) {
            out += ' ';
        } else if (text[i] == '%') {
            if (i + 2 >= text.size()) return std::nullopt;
            const int high = hex_value(text[i + 1]);
            const int low = hex_value(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            out += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

std::string percent_encoded(std::string_view text, std::string_view kept) {
    static constexpr char k_hex[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        if (is_unreserved(c) || kept.find(c) != std::string_view::npos) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += k_hex[byte >> 4];
        out += k_hex[byte & 15];
    }
    return out;
}

} // namespace odysseus::download
