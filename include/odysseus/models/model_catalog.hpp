// From the files of the models folder to the models that can be asked for, and the names they
// answer to. The rules for people are in docs/models.md.
#pragma once

#include "odysseus/models/gguf_header.hpp"
#include "odysseus/models/model.hpp"
#include "odysseus/models/name_index.hpp"
#include "odysseus/models/pulled_origins.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace odysseus::models {

struct ScannedFile {
    ModelFile file;
    std::variant<GgufInfo, GgufRefused> header;
};

struct Catalog {
    std::vector<Model> models;         // by id
    NameIndex names;                   // every name that any of them answers to
    std::vector<std::string> findings; // what a person should know, a sentence each
    // All that llama-server lists of the folder by itself, model or not: no alias may be one.
    std::vector<std::string> router_ids;
};

// `models_dir` is absolute, UTF-8, without a separator at its end.
[[nodiscard]] Catalog make_catalog(const std::vector<ScannedFile>& files,
                                   std::string_view models_dir, const PulledOrigins& origins = {});

// The model that decides what context fits: the largest once loaded; null when there is none.
[[nodiscard]] const Model* largest_model(const std::vector<Model>& models);

} // namespace odysseus::models
