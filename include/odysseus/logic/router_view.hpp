// What llama-server's router lists of --models-dir by itself: one level only, with rules of its own
// (llama.cpp, common/preset.cpp, load_from_models_dir).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus {

struct RouterEntry {
    std::string path;    // relative to the models folder
    std::string mmproj;  // likewise; empty: none
    bool certain = true; // false: which file it takes depends on the folder's order on the disk
};

// By id. `paths` are relative, '/' between parts.
[[nodiscard]] std::map<std::string, RouterEntry, std::less<>>
router_view(const std::vector<std::string>& paths);

} // namespace odysseus
