#include "odysseus/proxy/peer_address.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/download/url.hpp"

#include <algorithm>

namespace odysseus::proxy {
namespace {

constexpr std::size_t k_peers_max = 32;
constexpr std::size_t k_key_bytes_max = 1024;

bool is_header_text(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool is_hidden(char c) {
    return static_cast<unsigned char>(c) < ' ' || c == 0x7f;
}

std::string printable(std::string_view text) {
    std::string out(text.substr(0, 200));
    std::replace_if(out.begin(), out.end(), is_hidden, '?');
    return out;
}

std::string refusal(std::string_view url, std::string_view why) {
    return concat("--peer ", printable(url), " ", why);
}

std::string without_brackets(std::string_view host) {
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    return std::string(host);
}

// People paste a base URL as clients want it, with /v1 at its end.
std::string path_before_version(std::string_view path) {
    while (path.ends_with('/'))
        path.remove_suffix(1);
    if (path.ends_with("/v1")) path.remove_suffix(3);
    while (path.ends_with('/'))
        path.remove_suffix(1);
    return std::string(path);
}

std::variant<PeerAddress, std::string> peer_address(std::string_view text) {
    const auto hash = text.find('#');
    const auto address = text.substr(0, hash);
    const auto url = download::parsed_url(address);
    // A password in the address must not come back in the sentence.
    if (!url)
        return std::string("--peer must be https://HOST:PORT#KEY or http://127.0.0.1:PORT#KEY");
    const auto shown = download::shown_url(address);
    if (!url->user.empty())
        return refusal(shown, "has a name before its host; a key stands behind #: URL#KEY");
    if (url->path.find('?') != std::string::npos)
        return refusal(shown, "has a query; give the address alone: http://HOST:PORT");
    PeerAddress peer;
    if (hash != std::string_view::npos) {
        peer.key = text.substr(hash + 1);
        if (peer.key.empty() || peer.key.size() > k_key_bytes_max || !is_header_text(peer.key))
            return refusal(shown, "has a # without a usable key behind it; a key has no spaces and "
                                  "no special characters");
    }
    peer.tls = url->scheme == "https";
    if (!peer.tls && !peer.key.empty() && !download::is_loopback(*url))
        return refusal(shown, "would send its key over the network in the clear; use https, or a "
                              "tunnel that ends on this machine, such as ssh -L "
                              "8081:127.0.0.1:8080 HOST, and --peer http://127.0.0.1:8081#KEY");
    peer.host = without_brackets(url->host);
    peer.port = url->port;
    peer.authority = concat(url->host, ":", url->port);
    peer.path = path_before_version(url->path);
    peer.name = url->host;
    return peer;
}

} // namespace

std::string PeerAddress::url() const {
    return concat(tls ? "https://" : "http://", authority, path);
}

std::variant<std::vector<PeerAddress>, std::string>
peer_addresses(const std::vector<std::string>& texts) {
    if (texts.size() > k_peers_max)
        return concat("--peer is given ", texts.size(), " times; at most ", k_peers_max,
                      " peers are possible");
    std::vector<PeerAddress> peers;
    for (const auto& text : texts) {
        auto peer = peer_address(text);
        if (auto* const why = std::get_if<std::string>(&peer)) return std::move(*why);
        peers.push_back(std::move(std::get<PeerAddress>(peer)));
        for (std::size_t i = 0; i + 1 < peers.size(); ++i) {
            if (peers[i].url() == peers.back().url())
                return refusal(peers[i].url(), "is given twice");
        }
    }
    const auto hosts = peers;
    for (auto& peer : peers) {
        const auto same = std::count_if(hosts.begin(), hosts.end(), [&peer](const auto& other) {
            return other.host == peer.host;
        });
        if (same > 1) peer.name = concat(peer.authority, peer.path);
    }
    return peers;
}

} // namespace odysseus::proxy
