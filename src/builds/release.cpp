#include "odysseus/builds/release.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace odysseus::builds {
namespace {

using Json = nlohmann::json;

constexpr std::size_t k_name_length_max = 200;
constexpr std::size_t k_url_length_max = 4096;
constexpr std::size_t k_quoted_length_max = 200;
constexpr std::int64_t k_asset_bytes_max = std::int64_t{1} << 40; // no build has a TiB

std::string text_at(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool flag_at(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_boolean() && found->get<bool>();
}

// Other algorithms and unreadable values count as no digest.
std::optional<std::string> sha256_of(const std::string& digest) {
    constexpr std::string_view k_prefix = "sha256:";
    if (digest.rfind(k_prefix, 0) != 0) return std::nullopt;
    auto digits = lowered(std::string_view(digest).substr(k_prefix.size()));
    if (digits.size() != 64 || digits.find_first_not_of("0123456789abcdef") != std::string::npos) {
        return std::nullopt;
    }
    return digits;
}

std::optional<Asset> asset_from(const Json& object) {
    if (!object.is_object()) return std::nullopt;
    Asset asset;
    asset.name = text_at(object, "name");
    asset.url = text_at(object, "browser_download_url");
    if (!is_plain_name(asset.name) || asset.url.size() > k_url_length_max) return std::nullopt;
    const auto size = object.find("size");
    if (size != object.end() && size->is_number_integer()) {
        const bool fits = !size->is_number_unsigned() ||
                          size->get<std::uint64_t>() <= std::uint64_t{k_asset_bytes_max};
        asset.size_bytes = fits ? size->get<std::int64_t>() : 0;
    }
    asset.sha256 = sha256_of(text_at(object, "digest"));
    // A mirror may say less than GitHub: an absent state is not held against an asset.
    const auto state = text_at(object, "state");
    asset.uploaded = (state.empty() || state == "uploaded") && asset.size_bytes.value_or(1) > 0 &&
                     !asset.url.empty();
    return asset;
}

std::optional<Release> release_from(const Json& object) {
    if (!object.is_object()) return std::nullopt;
    Release release;
    release.tag = text_at(object, "tag_name");
    if (!is_plain_name(release.tag)) return std::nullopt;
    release.prerelease = flag_at(object, "prerelease");
    release.draft = flag_at(object, "draft");
    const auto assets = object.find("assets");
    if (assets != object.end() && assets->is_array()) {
        for (const auto& entry : *assets) {
            if (release.assets.size() == k_assets_max) break;
            if (auto asset = asset_from(entry)) release.assets.push_back(std::move(*asset));
        }
    }
    return release;
}

// Text from outside that goes into a message: one line, printable ASCII, not long.
std::string quoted(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    if (text.size() > k_quoted_length_max) text = text.substr(0, k_quoted_length_max) + "...";
    return "\"" + text + "\"";
}

std::string why_not(std::string_view text, const Json& json) {
    const auto start = trimmed(text);
    if (start.empty()) return "the answer is empty";
    if (json.is_object()) {
        const auto message = text_at(json, "message");
        if (!message.empty()) return "the release API answers " + quoted(message);
        return "the answer is JSON, but no release: it has no usable \"tag_name\"";
    }
    if (start.front() == '<') {
        return "the answer is a web page, not JSON: a proxy or a login page may stand between";
    }
    if (json.is_discarded()) {
        return concat("the answer is not JSON, or was cut off after ", text.size(), " bytes");
    }
    return "the answer is JSON, but neither a release nor a list of them";
}

} // namespace

bool is_plain_name(std::string_view name) {
    if (name.empty() || name.size() > k_name_length_max) return false;
    if (name.front() == '.' || name.front() == '-' || name.back() == '.') return false;
    return std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-' || c == '+';
    });
}

std::variant<std::vector<Release>, std::string> releases_from_json(std::string_view text) {
    const auto json = Json::parse(text, nullptr, false);
    std::vector<Release> releases;
    if (json.is_array()) {
        for (const auto& entry : json) {
            if (releases.size() == k_releases_max) break;
            if (auto release = release_from(entry)) releases.push_back(std::move(*release));
        }
        return releases;
    }
    if (auto release = release_from(json)) {
        releases.push_back(std::move(*release));
        return releases;
    }
    return why_not(text, json);
}

std::optional<int> build_number(std::string_view tag) {
    if (tag.size() < 2 || tag.size() > 8 || tag[0] != 'b' || tag[1] < '1' || tag[1] > '9') {
        return std::nullopt;
    }
    const auto number = parsed_int(tag.substr(1));
    if (!number) return std::nullopt;
    return static_cast<int>(*number);
}

std::optional<std::string> nightly_tag(std::string_view text) {
    if (text.size() > k_nightly_tag_bytes_max) return std::nullopt;
    const auto tag = trimmed(text);
    if (tag.size() < 5 || !build_number(tag)) return std::nullopt; // at least b1000
    return std::string(tag);
}

const Asset* find_asset(const Release& release, std::string_view name) {
    const auto found = std::find_if(release.assets.begin(), release.assets.end(),
                                    [&](const Asset& asset) { return asset.name == name; });
    return found == release.assets.end() ? nullptr : &*found;
}

} // namespace odysseus::builds
