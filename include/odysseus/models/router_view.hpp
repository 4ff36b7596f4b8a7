// What llama-server's router lists of --models-dir by itself: one level only, with rules of its own
// (llama.cpp, common/preset.cpp, load_from_models_dir).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::models {

struct RouterEntry {
    std::string path;    // relative to the models folder
    std::string mmproj;  // likewise; empty: none
    bool certain = true; // false: which file it takes depends on the folder's order on the disk
};

// By id. `paths` are relative, '/' between parts.
[[nodiscard]] std::map<std::string, RouterEntry, std::less<>>
router_view(const std::vector<std::string>& paths);

// A file that only goes beside a model: a projector, or a draft for speculative decoding.
[[nodiscard]] bool is_draft_name(std::string_view file_name);

// What can stand in a preset file (llama.cpp, common/preset.cpp): there are no quotes, '#' and ';'
// begin a comment wherever they stand, and blanks at either end are lost.
[[nodiscard]] bool can_be_preset_value(std::string_view text);
// A section's name is also read as ORG/REPO:TAG, and the tag is rewritten: what follows its last
// '-' or '.', in capitals.
[[nodiscard]] bool can_be_section_name(std::string_view id);
[[nodiscard]] std::string canonical_tag(std::string_view tag); // "UD-q4_K_xl" → "Q4_K_XL"
// The nearest text that can be a section's name, without a tag.
[[nodiscard]] std::string section_name_from(std::string_view text);

} // namespace odysseus::models
