// Which machine answers a request: decided from what is known of each at that moment.
#pragma once

#include "odysseus/proxy/peer_view.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::proxy {

inline constexpr int k_here = -1; // the place that is this machine; others count from 0

// What is asked for.
struct RouteWish {
    std::string asked;       // the model, as the client named it; empty: none
    std::string id;          // of this machine's model for that; empty: it has none
    bool id_by_name = true;  // the model has that name; else a rule or a beginning chose it
    bool openai = true;      // any OpenAI-compatible server has this endpoint
    std::optional<int> kept; // the place where the conversation is
    std::vector<int> tried;  // places that have failed for this request
};

enum class HereState { ready, not_yet, failed };

struct RouteHere {
    HereState state = HereState::ready; // of llama-server
    bool loaded = false;                // this model
    bool other_loaded = false;          // another one must go for it
    PeerFit fits = PeerFit::unknown;
    std::uint64_t active = 0; // requests under way at llama-server
};

struct RoutePeer {
    std::string name;
    PeerView view;
    bool left_out = false;    // it failed a short while ago
    std::uint64_t active = 0; // requests under way there: ours, and what else it told of
};

struct Route {
    int place = k_here;
    std::string model{}; // as it is called there
};

// The model's machine: where it is loaded, else where it fits, best where nothing else is loaded;
// among equals the one that has least to do, and this machine first. A conversation stays where it
// is while its model is loaded there. "NAME@PEER" names the machine. Absent: none that has the
// model can be asked now.
[[nodiscard]] std::optional<Route> route(const RouteWish& wish, const RouteHere& here,
                                         const std::vector<RoutePeer>& peers);

// Whether a peer, left out or not, has a model of that name.
[[nodiscard]] bool peers_have(std::string_view asked, const std::vector<RoutePeer>& peers);

// A peer's model in the list of models.
struct PeerEntry {
    std::string id;   // "NAME", or "NAME@PEER" where another machine has one of that name
    std::string peer; // its name
    PeerModel model;
};
// `taken`: the names of this machine's own models.
[[nodiscard]] std::vector<PeerEntry> peer_entries(const std::vector<std::string>& taken,
                                                  const std::vector<RoutePeer>& peers);

// What the peer does not take for another endpoint: an OpenAI-compatible server has /v1 alone.
[[nodiscard]] std::string target_at_peer(const PeerView& view, std::string_view target);
// Whether any OpenAI-compatible server answers there.
[[nodiscard]] bool is_openai_endpoint(std::string_view path);

// A status that says nothing about the request itself: another machine may answer it.
[[nodiscard]] bool can_fail_over(int status);

} // namespace odysseus::proxy
