#include "odysseus/models/router_view.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/base/visible.hpp"

#include <algorithm>
#include <array>

namespace odysseus::models {

namespace {

constexpr std::string_view k_suffix = ".gguf"; // in this case only

// Every occurrence goes, not just the last.
[[nodiscard]] std::string id_of(std::string name) {
    for (auto at = name.find(k_suffix); at != std::string::npos; at = name.find(k_suffix)) {
        name.erase(at, k_suffix.size());
    }
    return name;
}

[[nodiscard]] RouterEntry entry_of(const std::string& folder,
                                   const std::vector<std::string>& names) {
    std::vector<std::string> models;
    std::vector<std::string> first_shards;
    std::vector<std::string> projectors;
    bool has_draft = false; // which older builds take for a model
    for (const auto& name : names) {
        if (name.find("mmproj") != std::string::npos) {
            projectors.push_back(name);
        } else if (is_draft_name(name)) {
            has_draft = true;
        } else if (name.find("-00001-of-") != std::string::npos) {
            first_shards.push_back(name);
        } else {
            models.push_back(name);
        }
    }
    const auto& chosen = first_shards.empty() ? models : first_shards;
    RouterEntry entry;
    entry.certain = chosen.size() == 1 && projectors.size() <= 1 && !has_draft;
    if (!chosen.empty()) entry.path = folder + "/" + chosen.back();
    if (!projectors.empty()) entry.mmproj = folder + "/" + projectors.back();
    return entry;
}

// Of the UTF-8 character at the front, as its first byte says; at least 1, at most what is there.
[[nodiscard]] std::size_t character_bytes(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    return std::min(bytes, text.size());
}

} // namespace

std::map<std::string, RouterEntry, std::less<>> router_view(const std::vector<std::string>& paths) {
    std::map<std::string, RouterEntry, std::less<>> view;
    std::map<std::string, std::vector<std::string>> folders;
    const auto put = [&view](const std::string& id, RouterEntry entry) {
        const auto [place, is_new] = view.emplace(id, entry);
        if (!is_new) place->second.certain = false; // a file and a folder of one name
    };
    for (const auto& path : paths) {
        if (!path.ends_with(k_suffix)) continue;
        const auto slash = path.find('/');
        if (slash == std::string::npos) {
            put(id_of(path), {path, "", true});
        } else if (path.find('/', slash + 1) == std::string::npos) {
            folders[path.substr(0, slash)].push_back(path.substr(slash + 1));
        }
    }
    for (auto& [folder, names] : folders) {
        std::sort(names.begin(), names.end());
        put(folder, entry_of(folder, names));
    }
    return view;
}

bool is_draft_name(std::string_view file_name) {
    constexpr std::array<std::string_view, 3> k_prefixes{"mtp-", "dspark-", "dflash-"};
    return std::any_of(k_prefixes.begin(), k_prefixes.end(), [file_name](std::string_view prefix) {
        return file_name.starts_with(prefix);
    });
}

bool can_be_preset_value(std::string_view text) {
    return !text.empty() && trimmed(text) == text &&
           text.find_first_of(std::string_view("#;\n\r\0", 5)) == std::string_view::npos;
}

std::string canonical_tag(std::string_view tag) {
    const auto cut = tag.find_last_of("-.");
    const auto is_word = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '_';
    };
    if (cut != std::string_view::npos && cut + 1 < tag.size() &&
        std::all_of(tag.begin() + static_cast<std::ptrdiff_t>(cut) + 1, tag.end(), is_word)) {
        tag = tag.substr(cut + 1);
    }
    std::string canonical(tag);
    for (char& c : canonical) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return canonical;
}

bool can_be_section_name(std::string_view id) {
    const auto colon = id.rfind(':');
    const auto without_tag = colon == std::string_view::npos ? id : id.substr(0, colon);
    if (colon != std::string_view::npos) {
        const auto tag = id.substr(colon + 1);
        if (tag.empty() || section_name_from(tag) != tag || canonical_tag(tag) != tag) return false;
    }
    // The part before may have colons of its own.
    std::string plain(without_tag);
    std::replace(plain.begin(), plain.end(), ':', '_');
    return id != "*" && id != "default" && section_name_from(plain) == plain;
}

std::string section_name_from(std::string_view text) {
    // Whatever could steer a terminal: llama-server writes its models' ids into its log.
    std::string name;
    for (std::size_t at = 0; at < text.size();) {
        const auto bytes = character_bytes(text.substr(at));
        const auto character = text.substr(at, bytes);
        const bool plain = visible_line(character) == character;
        const bool refused = std::string_view("[],:").find(character) != std::string_view::npos;
        name += plain && !refused ? character : std::string_view("_");
        at += bytes;
    }
    if (name.empty() || name == "*" || name == "default") return name + "_";
    for (char* end : {&name.front(), &name.back()}) {
        if (*end == ' ') *end = '_';
    }
    return name;
}

} // namespace odysseus::models
