#include "odysseus/proxy/models_answer.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace odysseus::proxy {
namespace {

using Json = nlohmann::ordered_json;

Json router_entries(std::string_view router_list) {
    auto list = Json::parse(router_list, nullptr, false);
    if (!list.is_object() || !list.contains("data") || !list["data"].is_array())
        return Json::array();
    return list["data"];
}

std::string id_of(const Json& entry) {
    if (!entry.is_object() || !entry.contains("id") || !entry["id"].is_string()) return {};
    return entry["id"].get<std::string>();
}

// What llama-server would say of a model that is not loaded.
Json catalog_entry(const models::Model& model) {
    Json entry;
    entry["id"] = model.id;
    entry["object"] = "model";
    entry["owned_by"] = "llamacpp";
    entry["created"] = 0;
    entry["status"] = {{"value", "unloaded"}, {"args", Json::array()}};
    entry["architecture"] = {{"input_modalities", {"text"}}, {"output_modalities", {"text"}}};
    if (model.mmproj) entry["architecture"]["input_modalities"].push_back("image");
    return entry;
}

// What the catalog adds to an entry that does not say it already.
void complete(Json& entry, const models::Model& model, const ContextOf& context_of) {
    if (!entry.contains("object")) entry["object"] = "model";
    if (!entry.contains("owned_by")) entry["owned_by"] = "llamacpp";
    if (!entry.contains("created")) entry["created"] = 0;
    if (!entry.contains("status")) entry["status"] = {{"value", "unloaded"}};
    entry["kind"] = model.kind_name();
    if (entry.contains("meta") && entry["meta"].is_null()) entry.erase("meta");
    if (entry.contains("meta") && !entry["meta"].is_object()) return;
    auto& meta = entry["meta"];
    if (meta.is_null()) meta = Json::object();
    const auto context = context_of ? context_of(model.id) : 0;
    if (meta.value("n_ctx", Json()).is_null() && context > 0) meta["n_ctx"] = context;
    if (!meta.contains("size")) meta["size"] = model.size_bytes;
    if (!meta.contains("n_ctx_train") && model.trained_context)
        meta["n_ctx_train"] = *model.trained_context;
    if (!meta.contains("architecture") && model.architecture)
        meta["architecture"] = *model.architecture;
    const auto used = meta.value("n_ctx", Json()); // a new key of the entry moves `meta`
    if (!used.is_null()) entry["context_length"] = used;
}

std::vector<Json> all_entries(std::string_view router_list,
                              const std::vector<models::Model>& models,
                              const std::vector<std::string>& folder_ids,
                              const ContextOf& context_of) {
    const auto listed = router_entries(router_list);
    std::vector<Json> entries;
    std::set<std::string, std::less<>> taken; // lower case
    for (const auto& model : models) {
        const auto found = std::find_if(listed.begin(), listed.end(), [&](const Json& entry) {
            return id_of(entry) == model.id;
        });
        Json entry = found != listed.end() ? *found : catalog_entry(model);
        complete(entry, model, context_of);
        taken.insert(lowered(model.id));
        entries.push_back(std::move(entry));
    }
    const auto own = entries.size();
    for (const auto& entry : listed) {
        const auto id = id_of(entry);
        const bool of_the_folder =
            std::find(folder_ids.begin(), folder_ids.end(), id) != folder_ids.end();
        if (!id.empty() && !of_the_folder && taken.insert(lowered(id)).second)
            entries.push_back(entry); // llama-server's own cache, presets
    }
    for (std::size_t i = 0; i < own; ++i) {
        for (const auto& name : models[i].names) {
            if (!taken.insert(lowered(name)).second) continue;
            auto entry = entries[i];
            entry["id"] = name;
            entries.push_back(std::move(entry));
        }
    }
    return entries;
}

std::string text_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace

std::string models_answer(std::string_view router_list, const std::vector<models::Model>& models,
                          const std::vector<std::string>& folder_ids, const ContextOf& context_of) {
    // What else llama-server says beside the list stays (the web UI reads `models`).
    auto answer = Json::parse(router_list, nullptr, false);
    if (!answer.is_object() || !answer.contains("data")) answer = {{"object", "list"}};
    answer["data"] = all_entries(router_list, models, folder_ids, context_of);
    return text_of(answer);
}

std::optional<std::string> model_entry(std::string_view router_list,
                                       const std::vector<models::Model>& models,
                                       std::string_view name, const ContextOf& context_of) {
    const auto wanted = lowered(name);
    for (const auto& entry : all_entries(router_list, models, {}, context_of)) {
        if (lowered(id_of(entry)) == wanted) return text_of(entry);
    }
    return std::nullopt;
}

std::vector<std::string> loaded_ids(std::string_view router_list) {
    std::vector<std::string> ids;
    for (const auto& entry : router_entries(router_list)) {
        const auto id = id_of(entry);
        if (id.empty() || !entry.contains("status") || !entry["status"].is_object()) continue;
        const auto& status = entry["status"];
        if (status.contains("value") && status["value"] == "loaded") ids.push_back(id);
    }
    return ids;
}

std::vector<std::string> listed_ids(std::string_view router_list) {
    std::vector<std::string> ids;
    for (const auto& entry : router_entries(router_list)) {
        if (auto id = id_of(entry); !id.empty()) ids.push_back(std::move(id));
        if (!entry.is_object() || !entry.contains("aliases") || !entry["aliases"].is_array())
            continue;
        for (const auto& alias : entry["aliases"]) {
            if (alias.is_string()) ids.push_back(alias.get<std::string>());
        }
    }
    return ids;
}

} // namespace odysseus::proxy
