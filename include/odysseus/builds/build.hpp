// A llama.cpp build: what a release offers, what is to be fetched for a machine, and what is
// installed.
#pragma once

#include "odysseus/hardware/machine.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::builds {

enum class FileRole {
    primary, // the archive that holds llama-server
    runtime, // the CUDA runtime (cudart) that goes beside it
};

struct BuildFile {
    FileRole role = FileRole::primary;
    std::string name;
    std::string url;
    std::optional<std::int64_t> size;  // bytes, as the release says
    std::optional<std::string> sha256; // 64 lower-case digits; absent: the source gives no digest
};

// One answer of the choice: everything that is needed to install one build.
struct BuildChoice {
    std::string source; // "ggml-org/llama.cpp"
    std::string tag;    // "b11160"
    Backend backend = Backend::cpu;
    std::vector<BuildFile> files;     // the primary one first
    bool python_cuda_runtime = false; // its CUDA runtime comes from PyPI (ai-dock's builds)
    std::string reason;               // one sentence: why this one
};

} // namespace odysseus::builds
