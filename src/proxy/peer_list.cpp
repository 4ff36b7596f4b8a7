#include "peer_list.hpp"

#include "odysseus/base/text.hpp"

#include <nlohmann/json.hpp>

namespace odysseus::proxy {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Nothing of it is the peer's own JSON.
Json entry_of(const PeerEntry& peer) {
    Json entry{{"id", peer.id},
               {"object", "model"},
               {"owned_by", "odysseus-peer"},
               {"created", 0},
               {"status", {{"value", peer.model.loaded ? "loaded" : "unloaded"}}},
               {"peer", peer.peer}};
    if (peer.model.context) {
        entry["meta"] = {{"n_ctx", *peer.model.context}};
        entry["context_length"] = *peer.model.context;
    }
    return entry;
}

std::string id_of(const Json& entry) {
    if (!entry.is_object()) return {};
    const auto id = entry.find("id");
    return id != entry.end() && id->is_string() ? id->get<std::string>() : std::string();
}

} // namespace

std::string with_peer_models(std::string_view answer, const std::vector<RoutePeer>& peers) {
    auto list = Json::parse(answer, nullptr, false);
    if (!list.is_object() || !list.contains("data") || !list["data"].is_array())
        return std::string(answer);
    std::vector<std::string> taken;
    for (const auto& entry : list["data"])
        taken.push_back(id_of(entry));
    for (const auto& peer : peer_entries(taken, peers))
        list["data"].push_back(entry_of(peer));
    return text_of(list);
}

std::optional<std::string> listed_entry(std::string_view answer, std::string_view name) {
    const auto list = Json::parse(answer, nullptr, false);
    if (!list.is_object() || !list.contains("data")) return std::nullopt;
    for (const auto& entry : list["data"]) {
        if (same_name(id_of(entry), name)) return text_of(entry);
    }
    return std::nullopt;
}

} // namespace odysseus::proxy
