#include "ollama_store.hpp"

#include "odysseus/base/text.hpp"

#include <nlohmann/json.hpp>

namespace odysseus::models {
namespace {

using nlohmann::json;

constexpr std::size_t k_layers_max = 64;

// "sha256:" and 64 digits: anything else could name a file elsewhere.
std::optional<std::string> blob_file(const json& layer) {
    const auto digest = layer.find("digest");
    if (digest == layer.end() || !digest->is_string()) return std::nullopt;
    constexpr std::string_view k_kind = "sha256:";
    const std::string_view text = digest->get_ref<const std::string&>();
    if (!text.starts_with(k_kind)) return std::nullopt;
    const auto digits = text.substr(k_kind.size());
    if (digits.size() != 64 || digits.find_first_not_of("0123456789abcdef") != digits.npos)
        return std::nullopt;
    return concat("sha256-", digits);
}

std::string_view kind_of_layer(const json& layer) {
    const auto type = layer.find("mediaType");
    if (type == layer.end() || !type->is_string()) return {};
    const std::string_view text = type->get_ref<const std::string&>();
    constexpr std::string_view k_image = "application/vnd.ollama.image.";
    return text.starts_with(k_image) ? text.substr(k_image.size()) : std::string_view();
}

} // namespace

std::optional<StoreManifest> store_manifest(std::string_view text) {
    const auto document = json::parse(text, nullptr, false);
    if (!document.is_object()) return std::nullopt;
    const auto layers = document.find("layers");
    if (layers == document.end() || !layers->is_array() || layers->size() > k_layers_max)
        return std::nullopt;
    StoreManifest manifest;
    for (const auto& layer : *layers) {
        if (!layer.is_object()) continue;
        const auto kind = kind_of_layer(layer);
        const bool is_model = kind == "model";
        if (!is_model && kind != "projector") continue;
        const auto file = blob_file(layer);
        if (!file) return std::nullopt;
        auto& place = is_model ? manifest.model : manifest.projector;
        if (is_model && !place.empty()) return std::nullopt; // in several files
        if (place.empty()) place = *file;
    }
    return manifest.model.empty() ? std::nullopt : std::optional(std::move(manifest));
}

std::optional<std::string> store_name(std::string_view manifest_path) {
    const auto parts = split(manifest_path, '/');
    if (parts.size() < 3 || parts.size() > 5) return std::nullopt;
    for (const auto part : parts) {
        if (part.empty() || part.starts_with('.')) return std::nullopt;
    }
    const auto last = parts.size() - 1;
    std::string name;
    const bool is_registry = parts[0] == "registry.ollama.ai";
    const std::size_t first = !is_registry ? 0 : parts[1] == "library" && last > 2 ? 2 : 1;
    for (std::size_t i = first; i < last; ++i)
        name += concat(name.empty() ? "" : "/", parts[i]);
    return concat(name, ":", parts[last]);
}

} // namespace odysseus::models
