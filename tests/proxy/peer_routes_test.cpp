#include "proxy/peer_routes.hpp"

#include "proxy/peer_list.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

using namespace odysseus;
using namespace odysseus::proxy;
using State = HereState;

namespace {

constexpr bool k_loaded = true;

RoutePeer peer(const char* name, std::vector<PeerModel> models, std::uint64_t active = 0) {
    RoutePeer peer;
    peer.name = name;
    peer.view.answers = true;
    peer.view.speaks_llama = true;
    peer.view.models = std::move(models);
    peer.active = active;
    return peer;
}

RoutePeer but(RoutePeer peer, void (*change)(RoutePeer&)) {
    change(peer);
    return peer;
}

PeerModel model(const char* id, bool loaded = false, PeerFit fits = PeerFit::yes) {
    return {id, loaded, fits, {}};
}

RouteWish wish(const char* asked, const char* id) {
    RouteWish wish;
    wish.asked = asked;
    wish.id = id;
    return wish;
}

constexpr int k_nowhere = -2;

int place_of(const std::optional<Route>& route) {
    return route ? route->place : k_nowhere;
}

} // namespace

TEST_CASE("route: where the model is loaded, else where it fits, else where it waits") {
    struct Row {
        const char* what;
        RouteHere here;
        std::vector<RoutePeer> peers;
        int place;
    };
    const RouteHere cold{State::ready, false, false, PeerFit::yes, 0};
    const RouteHere warm{State::ready, true, false, PeerFit::yes, 0};
    const RouteHere other{State::ready, false, true, PeerFit::yes, 0};
    const RouteHere busy_with_other{State::ready, false, true, PeerFit::yes, 1};
    const Row rows[] = {
        {"nobody else", cold, {}, k_here},
        {"loaded there", cold, {peer("b", {model("m", k_loaded)})}, 0},
        {"loaded on both, this machine first", warm, {peer("b", {model("m", k_loaded)})}, k_here},
        {"loaded on both, busy here",
         {State::ready, true, false, PeerFit::yes, 1},
         {peer("b", {model("m", k_loaded)})},
         0},
        {"loaded here and busy beats cold there",
         {State::ready, true, false, PeerFit::yes, 3},
         {peer("b", {model("m")})},
         k_here},
        {"loaded nowhere, this machine first", cold, {peer("b", {model("m")})}, k_here},
        {"another must go here", other, {peer("b", {model("m")})}, 0},
        {"another must go there", cold, {peer("b", {model("m"), model("x", k_loaded)})}, k_here},
        {"another is in use here, and one that idles there",
         busy_with_other,
         {peer("b", {model("m"), model("x", k_loaded)})},
         0},
        {"it fits only there",
         {State::ready, false, false, PeerFit::no, 0},
         {peer("b", {model("m")})},
         0},
        {"partly here, wholly there though another must go",
         {State::ready, false, false, PeerFit::partly, 0},
         {peer("b", {model("m"), model("x", k_loaded)})},
         0},
        {"unknown there, wholly here",
         cold,
         {peer("b", {model("m", false, PeerFit::unknown)})},
         k_here},
        {"it fits nowhere: it waits here",
         {State::ready, false, false, PeerFit::no, 0},
         {peer("b", {model("m", false, PeerFit::no)})},
         k_here},
        {"of two peers the one with less to do",
         cold,
         {peer("b", {model("m", k_loaded)}, 2), peer("c", {model("m", k_loaded)}, 1)},
         1},
        {"of two equal peers the first",
         cold,
         {peer("b", {model("m", k_loaded)}), peer("c", {model("m", k_loaded)})},
         0},
        {"this machine still starts",
         {State::not_yet, true, false, PeerFit::yes, 0},
         {peer("b", {model("m", k_loaded)})},
         0},
        {"this machine still starts, nothing loaded there",
         {State::not_yet, false, false, PeerFit::yes, 0},
         {peer("b", {model("m")})},
         k_here},
        {"this machine failed",
         {State::failed, false, false, PeerFit::yes, 0},
         {peer("b", {model("m", false, PeerFit::no)})},
         0},
        {"this machine failed, nobody else has it",
         {State::failed, false, false, PeerFit::yes, 0},
         {peer("b", {model("x")})},
         k_nowhere},
        {"the peer does not answer",
         cold,
         {but(peer("b", {model("m", k_loaded)}), [](auto& p) { p.view.answers = false; })},
         k_here},
        {"the peer is left out",
         cold,
         {but(peer("b", {model("m", k_loaded)}), [](auto& p) { p.left_out = true; })},
         k_here},
    };
    for (const auto& row : rows) {
        INFO(row.what);
        CHECK(place_of(route(wish("m", "m"), row.here, row.peers)) == row.place);
    }
}

TEST_CASE("route: names, and how the model is called there") {
    RouteHere here;
    here.fits = PeerFit::yes;
    const std::vector<RoutePeer> peers = {peer("box", {model("Qwen3-8B-Q4"), model("qwen3")}),
                                          peer("[::1]:81", {model("only")})};
    struct Row {
        const char* asked;
        const char* id; // here
        bool by_name;
        int place;
        const char* model;
    };
    const Row rows[] = {
        {"qwen3", "", true, 0, "qwen3"},
        {"QWEN3", "", true, 0, "qwen3"},
        {"qwen3@box", "", true, 0, "qwen3"},
        {"qwen3@BOX", "qwen3", true, 0, "qwen3"},
        {"only@[::1]:81", "", true, 1, "only"},
        {"qwen3@other", "", true, k_nowhere, ""},
        {"@box", "", true, k_nowhere, ""},
        {"", "", true, k_nowhere, ""},
        // An alias of this machine is the same model there.
        {"gpt-4o", "Qwen3-8B-Q4", true, k_here, "Qwen3-8B-Q4"},
        // "--any-name" does not take a model away that bears the name.
        {"only", "qwen", false, 1, "only"},
        {"nobody", "qwen", false, k_here, "qwen"},
    };
    for (const auto& row : rows) {
        INFO(row.asked);
        auto asked = wish(row.asked, row.id);
        asked.id_by_name = row.by_name;
        const auto chosen = route(asked, here, peers);
        CHECK(place_of(chosen) == row.place);
        if (chosen) CHECK(chosen->model == row.model);
    }
    auto tried = wish("gpt-4o", "Qwen3-8B-Q4");
    tried.tried = {k_here};
    const auto there = route(tried, here, peers);
    REQUIRE(there);
    CHECK(there->model == "Qwen3-8B-Q4");
}

TEST_CASE("route: what failed is not tried again, and an endpoint must be there") {
    const RouteHere here;
    const std::vector<RoutePeer> peers = {
        peer("b", {model("m", k_loaded)}),
        but(peer("plain", {model("m", k_loaded)}), [](auto& p) { p.view.speaks_llama = false; })};
    auto asked = wish("m", "m");
    CHECK(place_of(route(asked, here, peers)) == 0);
    asked.tried = {0};
    CHECK(place_of(route(asked, here, peers)) == 1);
    asked.openai = false;
    CHECK(place_of(route(asked, here, peers)) == k_here);
    asked.tried = {0, k_here};
    CHECK(place_of(route(asked, here, peers)) == k_nowhere);
}

TEST_CASE("route: a conversation stays where it is while its model is loaded there") {
    const RouteHere warm{State::ready, true, false, PeerFit::yes, 0};
    auto asked = wish("m", "m");
    asked.kept = 0;
    CHECK(place_of(route(asked, warm, {peer("b", {model("m", k_loaded)}, 5)})) == 0);
    CHECK(place_of(route(asked, warm, {peer("b", {model("m")})})) == k_here);
    asked.tried = {0};
    CHECK(place_of(route(asked, warm, {peer("b", {model("m", k_loaded)})})) == k_here);
    asked.kept = k_here;
    asked.tried = {};
    const RouteHere busy{State::ready, true, false, PeerFit::yes, 4};
    CHECK(place_of(route(asked, busy, {peer("b", {model("m", k_loaded)})})) == k_here);
}

TEST_CASE("routes: the list names the machine where two have the model") {
    const std::vector<RoutePeer> peers = {
        peer("b", {model("mine"), model("shared"), model("own-b", k_loaded)}),
        peer("c", {model("Shared")}),
        but(peer("d", {model("gone")}), [](auto& p) { p.view.answers = false; })};
    std::vector<std::string> ids;
    for (const auto& entry : peer_entries({"Mine"}, peers))
        ids.push_back(entry.id);
    CHECK(ids == std::vector<std::string>{"mine@b", "shared", "shared@b", "own-b", "Shared@c"});

    const auto list = nlohmann::json::parse(
        with_peer_models(R"({"object":"list","models":[1],"data":[{"id":"Mine","x":1}]})", peers));
    CHECK(list["models"].size() == 1);
    REQUIRE(list["data"].size() == 6);
    CHECK(list["data"][0]["x"] == 1);
    CHECK(list["data"][4]["id"] == "own-b");
    CHECK(list["data"][4]["peer"] == "b");
    CHECK(list["data"][4]["status"]["value"] == "loaded");
    CHECK(listed_entry(list.dump(), "OWN-B"));
    CHECK_FALSE(listed_entry(list.dump(), "gone"));
    CHECK(with_peer_models("no list", peers) == "no list");
}

TEST_CASE("routes: endpoints of OpenAI's interface, and statuses that another machine may cure") {
    CHECK(is_openai_endpoint("/v1/chat/completions"));
    CHECK(is_openai_endpoint("/chat/completions"));
    CHECK_FALSE(is_openai_endpoint("/v1/messages"));
    CHECK_FALSE(is_openai_endpoint("/infill"));
    PeerView plain;
    CHECK(target_at_peer(plain, "/chat/completions?x=1") == "/v1/chat/completions?x=1");
    CHECK(target_at_peer(plain, "/v1/embeddings") == "/v1/embeddings");
    plain.speaks_llama = true;
    CHECK(target_at_peer(plain, "/infill") == "/infill");
    for (const int status : {401, 403, 404, 408, 429, 500, 502, 503, 504})
        CHECK(can_fail_over(status));
    for (const int status : {200, 201, 302, 400, 405, 413, 415, 422})
        CHECK_FALSE(can_fail_over(status));
}
