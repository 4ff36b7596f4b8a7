#include "odysseus/models/pulled_origins.hpp"

#include <nlohmann/json.hpp>

namespace odysseus::models {

PulledOrigins pulled_origins_from(std::string_view json) {
    PulledOrigins origins;
    const auto document = nlohmann::json::parse(json, nullptr, false);
    if (!document.is_object() || !document.contains("files") || !document["files"].is_array())
        return origins;
    for (const auto& file : document["files"]) {
        if (!file.is_object()) continue;
        const auto name = file.find("name");
        const auto size = file.find("size");
        const auto origin = file.find("origin");
        if (name == file.end() || !name->is_string() || size == file.end() ||
            !size->is_number_integer() || origin == file.end() || !origin->is_string())
            continue;
        origins[{name->get<std::string>(), size->get<std::int64_t>()}] = origin->get<std::string>();
    }
    return origins;
}

std::string pulled_origins_text(const PulledOrigins& origins) {
    using Json = nlohmann::ordered_json;
    Json files = Json::array();
    for (const auto& [file, origin] : origins)
        files.push_back({{"name", file.first}, {"size", file.second}, {"origin", origin}});
    return Json{{"files", std::move(files)}}.dump(2, ' ', false, Json::error_handler_t::replace) +
           "\n";
}

} // namespace odysseus::models
