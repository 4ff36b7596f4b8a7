// Ollama's store, read as it lies: manifests/HOST/NAMESPACE/NAME/TAG says which files of blobs/ a
// model is made of. Seen with Ollama 0.12.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::models {

struct StoreManifest {
    std::string model;     // the file in blobs/: "sha256-e8a3…"
    std::string projector; // likewise; empty: none
};

// Absent: no manifest of a model in one file.
[[nodiscard]] std::optional<StoreManifest> store_manifest(std::string_view json);

// What Ollama calls the model of a manifest, by its path below manifests/: "qwen3:8b" of its own
// library, "user/model:tag" of its registry, "hf.co/org/repo:tag" of another host.
[[nodiscard]] std::optional<std::string> store_name(std::string_view manifest_path);

} // namespace odysseus::models
