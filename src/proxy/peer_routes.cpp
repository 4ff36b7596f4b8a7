#include "peer_routes.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <utility>

namespace odysseus::proxy {
namespace {

constexpr std::array<std::string_view, 3> k_openai_endpoints = {"/chat/completions", "/completions",
                                                                "/embeddings"};

// "NAME@PEER" taken apart; no peer: the name is whole.
struct Pinned {
    std::string_view name;
    std::optional<int> peer;
};

const PeerModel* named(const PeerView& view, std::string_view name) {
    const auto& models = view.models;
    const auto exact = std::find_if(models.begin(), models.end(),
                                    [name](const auto& model) { return model.id == name; });
    if (exact != models.end()) return &*exact;
    const auto alike = std::find_if(models.begin(), models.end(), [name](const auto& model) {
        return same_name(model.id, name);
    });
    return alike != models.end() ? &*alike : nullptr;
}

Pinned pinned(std::string_view asked, const std::vector<RoutePeer>& peers) {
    for (std::size_t i = 0; i < peers.size(); ++i) {
        const auto& name = peers[i].name;
        if (asked.size() <= name.size() + 1) continue;
        const auto at = asked.size() - name.size() - 1;
        if (asked[at] != '@' || !same_name(asked.substr(at + 1), name)) continue;
        if (named(peers[i].view, asked.substr(0, at)))
            return {asked.substr(0, at), static_cast<int>(i)};
    }
    return {asked, std::nullopt};
}

struct Candidate {
    Route route;
    bool loaded = false;
    PeerFit fits = PeerFit::unknown;
    int must_go = 0; // 0: nothing, 1: another model, 2: one that is in use
    std::uint64_t active = 0;

    // The less the better.
    [[nodiscard]] auto cost() const {
        return std::tuple(!loaded, loaded ? 0 : static_cast<int>(fits), loaded ? 0 : must_go,
                          active, route.place);
    }
};

int must_go(bool other_loaded, std::uint64_t active) {
    if (!other_loaded) return 0;
    return active == 0 ? 1 : 2;
}

bool was_tried(const RouteWish& wish, int place) {
    return std::find(wish.tried.begin(), wish.tried.end(), place) != wish.tried.end();
}

Candidate candidate_here(const RouteWish& wish, const RouteHere& here) {
    Candidate candidate;
    candidate.route = {k_here, wish.id};
    candidate.loaded = here.loaded && here.state == HereState::ready;
    candidate.fits = here.fits;
    candidate.must_go = must_go(here.other_loaded, here.active);
    candidate.active = here.active;
    return candidate;
}

std::optional<Candidate> candidate_at(const RouteWish& wish, std::string_view name, int place,
                                      const RoutePeer& peer) {
    const auto& view = peer.view;
    if (!view.answers || peer.left_out || was_tried(wish, place)) return std::nullopt;
    if (!wish.openai && !view.speaks_llama) return std::nullopt;
    const auto* model = named(view, name);
    if (model == nullptr && !wish.id.empty()) model = named(view, wish.id);
    if (model == nullptr) return std::nullopt;
    Candidate candidate;
    candidate.route = {place, model->id};
    candidate.loaded = model->loaded;
    candidate.fits = model->fits;
    const bool other_loaded = std::any_of(view.models.begin(), view.models.end(),
                                          [](const auto& other) { return other.loaded; });
    candidate.must_go = must_go(other_loaded, peer.active);
    candidate.active = peer.active;
    return candidate;
}

} // namespace

std::optional<Route> route(const RouteWish& wish, const RouteHere& here,
                           const std::vector<RoutePeer>& peers) {
    const auto [name, only] = pinned(wish.asked, peers);
    // A name that a peer's model bears is not one that merely leads to a model here.
    const bool theirs = !wish.id_by_name && peers_have(wish.asked, peers);
    std::vector<Candidate> candidates;
    const bool can_here = here.state != HereState::failed && !was_tried(wish, k_here);
    if (!wish.id.empty() && !theirs && !only && can_here)
        candidates.push_back(candidate_here(wish, here));
    for (std::size_t i = 0; i < peers.size(); ++i) {
        const auto place = static_cast<int>(i);
        if (only && *only != place) continue;
        if (auto candidate = candidate_at(wish, name, place, peers[i]))
            candidates.push_back(std::move(*candidate));
    }
    if (candidates.empty()) return std::nullopt;
    for (auto& candidate : candidates) {
        if (wish.kept == candidate.route.place && candidate.loaded) return candidate.route;
    }
    return std::min_element(candidates.begin(), candidates.end(),
                            [](const auto& a, const auto& b) { return a.cost() < b.cost(); })
        ->route;
}

bool peers_have(std::string_view asked, const std::vector<RoutePeer>& peers) {
    const auto name = pinned(asked, peers).name;
    return !name.empty() && std::any_of(peers.begin(), peers.end(), [name](const auto& peer) {
        return named(peer.view, name) != nullptr;
    });
}

std::vector<PeerEntry> peer_entries(const std::vector<std::string>& taken,
                                    const std::vector<RoutePeer>& peers) {
    std::map<std::string, std::size_t> count; // of each name, in lower case
    for (const auto& name : taken)
        count[lowered(name)] = 1;
    std::vector<PeerEntry> entries;
    const auto reachable = [](const RoutePeer& peer) { return peer.view.answers; };
    for (const auto& peer : peers) {
        if (!reachable(peer)) continue;
        for (const auto& model : peer.view.models)
            ++count[lowered(model.id)];
    }
    std::map<std::string, bool> plain; // names that are listed without a suffix
    for (const auto& name : taken)
        plain[lowered(name)] = true;
    for (const auto& peer : peers) {
        if (!reachable(peer)) continue;
        for (const auto& model : peer.view.models) {
            const auto key = lowered(model.id);
            if (!std::exchange(plain[key], true)) entries.push_back({model.id, peer.name, model});
            if (count[key] > 1)
                entries.push_back({concat(model.id, '@', peer.name), peer.name, model});
        }
    }
    return entries;
}

bool is_openai_endpoint(std::string_view path) {
    if (path.starts_with("/v1/")) path.remove_prefix(3);
    return std::find(k_openai_endpoints.begin(), k_openai_endpoints.end(), path) !=
           k_openai_endpoints.end();
}

std::string target_at_peer(const PeerView& view, std::string_view target) {
    if (view.speaks_llama || target.starts_with("/v1/")) return std::string(target);
    return concat("/v1", target);
}

// 404: its list was another one a moment ago. 401, 403: our key is wrong, not the client's.
bool can_fail_over(int status) {
    return status >= 500 || status == 401 || status == 403 || status == 404 || status == 408 ||
           status == 429;
}

} // namespace odysseus::proxy
