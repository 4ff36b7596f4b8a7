#include "odysseus/builds/build_manifest.hpp"

#include "member_path.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/builds/asset_name.hpp"
#include "odysseus/builds/release.hpp"

#include <nlohmann/json.hpp>

namespace odysseus::builds {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

constexpr int k_format = 1;

std::string dumped(const ordered_json& out) {
    return out.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string word(const json& in, const char* key) {
    const auto it = in.find(key);
    return it != in.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::int64_t number(const json& in, const char* key) {
    const auto it = in.find(key);
    return it != in.end() && it->is_number_integer() ? it->get<std::int64_t>() : 0;
}

// The objects of an array member; nothing when it is no array.
std::vector<json> objects(const json& in, const char* key) {
    std::vector<json> out;
    const auto it = in.find(key);
    if (it == in.end() || !it->is_array()) return out;
    for (const auto& one : *it) {
        if (one.is_object()) out.push_back(one);
    }
    return out;
}

BuildFile archive_from(const json& in) {
    BuildFile file;
    file.role = word(in, "role") == "runtime" ? FileRole::runtime : FileRole::primary;
    file.name = word(in, "name");
    file.url = word(in, "url");
    if (in.contains("size") && in["size"].is_number_integer()) file.size = number(in, "size");
    if (const auto digest = word(in, "sha256"); !digest.empty()) file.sha256 = digest;
    return file;
}

ordered_json archive_json(const BuildFile& file) {
    ordered_json out{{"role", file.role == FileRole::runtime ? "runtime" : "primary"},
                     {"name", file.name},
                     {"url", file.url}};
    out["size"] = file.size ? ordered_json(*file.size) : ordered_json(nullptr);
    out["sha256"] = file.sha256 ? ordered_json(*file.sha256) : ordered_json(nullptr);
    return out;
}

bool is_clean_path(const std::string& path) {
    const auto clean = member_path(path);
    const auto* text = std::get_if<std::string>(&clean);
    return text != nullptr && *text == path && !path.empty();
}

} // namespace

std::string manifest_text(const BuildManifest& manifest) {
    ordered_json out{{"format", k_format},
                     {"tag", manifest.tag},
                     {"source", manifest.source},
                     {"backend", backend_name(manifest.backend)},
                     {"reason", manifest.reason},
                     {"installed_at", manifest.installed_at},
                     {"server", manifest.server},
                     {"library_path", manifest.library_path},
                     {"devices", manifest.devices},
                     {"attested", manifest.attested},
                     {"archives", ordered_json::array()},
                     {"files", ordered_json::array()}};
    for (const auto& archive : manifest.archives)
        out["archives"].push_back(archive_json(archive));
    for (const auto& file : manifest.files) {
        ordered_json one{{"path", file.path}, {"size", file.size_bytes}};
        if (!file.sha256.empty()) one["sha256"] = file.sha256;
        if (!file.link.empty()) one["link"] = file.link;
        out["files"].push_back(std::move(one));
    }
    return dumped(out);
}

std::optional<BuildManifest> manifest_from(std::string_view text) {
    const auto in = json::parse(text, nullptr, false);
    if (!in.is_object() || number(in, "format") != k_format) return std::nullopt;
    const auto backend = backend_from(word(in, "backend"));
    BuildManifest out;
    out.tag = word(in, "tag");
    out.server = word(in, "server");
    if (!backend || out.tag.empty() || !is_clean_path(out.server)) return std::nullopt;
    out.backend = *backend;
    out.source = word(in, "source");
    out.reason = word(in, "reason");
    if (const auto it = in.find("attested"); it != in.end() && it->is_boolean())
        out.attested = it->get<bool>();
    out.installed_at = word(in, "installed_at");
    out.library_path = in.contains("library_path") && in["library_path"] == true;
    if (const auto it = in.find("devices"); it != in.end() && it->is_array()) {
        for (const auto& device : *it) {
            if (device.is_string()) out.devices.push_back(device.get<std::string>());
        }
    }
    for (const auto& archive : objects(in, "archives"))
        out.archives.push_back(archive_from(archive));
    for (const auto& file : objects(in, "files")) {
        out.files.push_back(
            {word(file, "path"), number(file, "size"), word(file, "sha256"), word(file, "link")});
    }
    return out;
}

std::string current_text(const CurrentRecord& record) {
    ordered_json out{{"current", record.current}};
    out["previous"] =
        record.previous.empty() ? ordered_json(nullptr) : ordered_json(record.previous);
    return dumped(out);
}

std::optional<CurrentRecord> current_from(std::string_view text) {
    const auto in = json::parse(text, nullptr, false);
    if (!in.is_object()) return std::nullopt;
    CurrentRecord record{word(in, "current"), word(in, "previous")};
    if (!is_build_id(record.current)) return std::nullopt;
    if (!is_build_id(record.previous)) record.previous.clear();
    return record;
}

std::string build_id(const BuildChoice& choice) {
    auto id = concat(choice.tag, "-", backend_name(choice.backend));
    const auto name =
        choice.files.empty() ? std::nullopt : parse_asset_name(choice.files.front().name);
    if (name && name->version) id += concat("-", version_text(*name->version));
    if (name && !name->variant.empty()) id += concat("-", name->variant);
    if (name && name->third_party) id += "-ai-dock";
    if (choice.source == "import") id += "-import";
    return id;
}

bool is_build_id(std::string_view id) {
    return is_plain_name(id) && id.front() != '.';
}

} // namespace odysseus::builds
