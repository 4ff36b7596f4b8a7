// The models of the user's folder, as values.
#pragma once

#include "odysseus/models/compute_shape.hpp"
#include "odysseus/models/kv_shape.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::models {

// One *.gguf file as found below the models folder.
struct ModelFile {
    std::string path; // relative to the models folder, '/' between parts, UTF-8
    std::int64_t size_bytes = 0;
    std::int64_t modified_s =
        0; // from an epoch of the system's own, may be below 0: only to be compared
    // The folder that `path` is relative to, absolute; empty: the models folder itself.
    std::string root{};
    // What a store of another program calls it ("qwen3:8b"); then the path tells no name.
    std::vector<std::string> store_names{};
    std::string store_projector{}; // its path there, as `path`; empty: none
    std::int64_t store_projector_bytes = 0;
};

// What a model is for. One that sees pictures is a chat model with a projector.
enum class ModelKind { chat, embedding, rerank };

// One model that can be asked for: a file, or the shards of a split model, with its mmproj.
struct Model {
    std::string id; // what llama-server calls it
    std::vector<std::string>
        names;        // everything it answers to, the friendliest first, the id among them
    std::string path; // absolute path of the (first) file
    std::int64_t size_bytes = 0; // all shards
    int shards = 1;
    std::optional<std::string> mmproj; // absolute path
    std::int64_t mmproj_bytes = 0;
    // A draft model beside it that fits it: absolute path, and its tensors' architecture.
    std::optional<std::string> draft;
    std::string draft_architecture;
    std::int64_t draft_bytes = 0;
    bool uses_draft = false;     // --draft
    std::int64_t modified_s = 0; // of the newest file of it
    bool listed_by_router =
        true; // llama-server finds it in --models-dir by itself; else it needs a preset section
    ModelKind kind = ModelKind::chat;
    bool readable = true;      // false: no GGUF file that llama.cpp could load
    bool tells_pooling = true; // else llama-server must be told how to make one vector of many
    std::optional<std::string> architecture;
    std::optional<std::int64_t> trained_context; // tokens
    std::optional<std::int64_t> parameter_count; // absent: of a model in several files
    std::optional<std::int64_t> file_type;       // llama.cpp's number of the quantisation
    std::optional<KvShape> kv;           // absent: the metadata does not tell, only the size does
    std::optional<Weights> weights;      // absent: a part cannot be read
    std::optional<ComputeShape> compute; // absent: only a flat sum is known

    // "chat", "vision", "embedding" or "rerank".
    [[nodiscard]] const char* kind_name() const;
    // Whether the context that odysseus chooses is meant for it: an embedder was trained for a
    // short one, and a file that cannot be loaded for none.
    [[nodiscard]] bool decides_context() const { return readable && kind == ModelKind::chat; }
    // What is in memory once it is loaded.
    [[nodiscard]] std::int64_t loaded_bytes() const {
        return size_bytes + mmproj_bytes + (uses_draft ? draft_bytes : 0);
    }
};

} // namespace odysseus::models
