#include "odysseus/logic/router_view.hpp"

#include <algorithm>

namespace odysseus {

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
    for (const auto& name : names) {
        if (name.find("mmproj") != std::string::npos) {
            projectors.push_back(name);
        } else if (name.find("-00001-of-") != std::string::npos) {
            first_shards.push_back(name);
        } else {
            models.push_back(name);
        }
    }
    const auto& chosen = first_shards.empty() ? models : first_shards;
    RouterEntry entry;
    entry.certain = chosen.size() == 1 && projectors.size() <= 1;
    if (!chosen.empty()) entry.path = folder + "/" + chosen.back();
    if (!projectors.empty()) entry.mmproj = folder + "/" + projectors.back();
    return entry;
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

} // namespace odysseus
