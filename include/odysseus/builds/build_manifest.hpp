// The record inside every installed build (manifest.json), and the one of which build is used
// (current.json). A folder without a manifest that reads well is no build.
#pragma once

#include "odysseus/builds/build.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::builds {

struct ManifestFile {
    std::string path; // below the build's folder, '/' between parts
    std::int64_t size_bytes = 0;
    std::string sha256; // as unpacked; empty for a link
    std::string link;
};

struct BuildManifest {
    std::string source; // "ggml-org/llama.cpp", or "import"
    std::string tag;    // "b11160"
    Backend backend = Backend::cpu;
    std::string reason;               // why this build was chosen
    std::string installed_at;         // "2026-11-22T10:00:00Z"
    std::string server;               // llama-server's path below the folder
    bool library_path = false;        // its libraries are found only by LD_LIBRARY_PATH
    std::vector<std::string> devices; // as --list-devices named them, "CUDA0: ..."
    std::vector<BuildFile> archives;  // what it was unpacked from
    bool attested = false;            // gh verified the attestation of every archive
    std::vector<ManifestFile> files;
};

[[nodiscard]] std::string manifest_text(const BuildManifest& manifest);
// Nothing for a text that is no manifest, or whose server path is not clean.
[[nodiscard]] std::optional<BuildManifest> manifest_from(std::string_view json);

struct CurrentRecord {
    std::string current;  // a build's id; never empty
    std::string previous; // empty: none
};
[[nodiscard]] std::string current_text(const CurrentRecord& record);
[[nodiscard]] std::optional<CurrentRecord> current_from(std::string_view json);

// The name of the build's folder: "b11160-cuda-13.4", "b11160-cpu", "b10099-cuda-12.8-ai-dock".
[[nodiscard]] std::string build_id(const BuildChoice& choice);
// An id as this program makes them: a plain file name that does not begin with a dot.
[[nodiscard]] bool is_build_id(std::string_view id);

} // namespace odysseus::builds
