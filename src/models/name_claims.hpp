// All the names that a file gives its model (docs/models.md, "Names").
#pragma once

#include "model_name.hpp"
#include "odysseus/models/name_index.hpp"

#include <optional>
#include <string>
#include <vector>

namespace odysseus::models {

struct NamedFile {
    std::string path;                   // relative to the models folder
    std::string absolute;               // the same from the root
    std::string folder;                 // relative; empty: the models folder itself
    std::string stem;                   // without a shard's ending
    std::optional<CachedRepo> pulled{}; // the repository that odysseus itself fetched it from
};

void claim_names(NameIndex& names, const std::string& id, const NamedFile& file);

// The names that another program's store gives it: "qwen3:8b", "user/model:tag". "qwen3" alone is
// its ":latest", else whichever there is one of.
void claim_stored(NameIndex& names, const std::string& id,
                  const std::vector<std::string>& store_names, const std::string& path);

} // namespace odysseus::models
