// From the files of the models folders to what belongs together: the shards of a model, its
// projector and its draft.
#pragma once

#include "odysseus/models/model_catalog.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace odysseus::models {

// One model to be: a file, or the shards of one.
struct Candidate {
    std::string root;                      // as in ModelFile
    std::string folder;                    // relative, empty: the models folder itself
    std::string stem;                      // without shard ending
    std::vector<const ScannedFile*> files; // by shard number
    const ScannedFile* mmproj = nullptr;
    const ScannedFile* draft = nullptr;

    [[nodiscard]] const std::string& path() const { return files.front()->file.path; }
    [[nodiscard]] const GgufInfo* info() const {
        return std::get_if<GgufInfo>(&files.front()->header);
    }
    [[nodiscard]] std::int64_t size_bytes() const;
};

struct ModelFolder {
    std::vector<Candidate> candidates; // by path
    std::vector<const ScannedFile*> projectors;
    std::vector<const ScannedFile*> drafts;
};

struct ModelGroups {
    std::map<std::pair<std::string, std::string>, ModelFolder> folders; // by root and path
    std::vector<std::string> findings;
};

// `files` must outlive the answer.
[[nodiscard]] ModelGroups group_models(const std::vector<ScannedFile>& files);

} // namespace odysseus::models
