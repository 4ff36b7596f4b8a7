// The ground truth about a build: does its llama-server run here, and which devices does it see?
#pragma once

#include "odysseus/builds/asset_choice.hpp"
#include "odysseus/builds/server_text.hpp"
#include "odysseus/system/run_tool.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::builds {

struct BuildCheck {
    bool runs = false;
    std::string trouble;            // a clause, when it does not run: "exited with 127: ..."
    std::string remedy;             // a sentence, where one is known for that; else empty
    std::optional<std::string> tag; // as --version says
    // Absent: this llama-server is too old to tell.
    std::optional<std::vector<Device>> devices;
};

// What a llama-server needs in front of the loader's path (LD_LIBRARY_PATH), folder by folder: its
// own folder, when its libraries are found in no other way, and for SYCL oneAPI's on Linux.
[[nodiscard]] std::vector<std::filesystem::path>
library_folders(const std::filesystem::path& server, bool own_folder, Backend backend);

// The environment for llama-server or a tool beside it that is asked something: those folders, and
// no config.ini of the user.
[[nodiscard]] system::EnvAdditions
loader_environment(const std::filesystem::path& program,
                   const std::vector<std::filesystem::path>& folders);

// Asked with llama-server's path, and its library_folders.
using CheckBuild = std::function<BuildCheck(const std::filesystem::path& server,
                                            const std::vector<std::filesystem::path>& folders)>;

// Runs `--version` and `--list-devices`. The limits are wide: a virus scanner reads a new program
// first, and a GPU's driver may have to be woken.
[[nodiscard]] BuildCheck check_build(const std::filesystem::path& server,
                                     const std::vector<std::filesystem::path>& folders,
                                     std::chrono::milliseconds limit = std::chrono::seconds(60));

// A build that was compiled for another processor passes check_build and dies of an instruction
// that is not known when it computes first. Computes a token with a small `model`, by the build's
// llama-bench, else in its llama-server, which gets a second. Why it died; absent: it did not.
[[nodiscard]] std::optional<std::string>
trouble_of_computing(const std::filesystem::path& server,
                     const std::vector<std::filesystem::path>& folders,
                     const std::filesystem::path& model);

// What `--list-devices` says alone; absent: it says nothing that can be read.
[[nodiscard]] std::optional<std::vector<Device>>
listed_devices(const std::filesystem::path& server,
               const std::vector<std::filesystem::path>& folders,
               std::chrono::milliseconds limit = std::chrono::seconds(20));

// Why a build of that backend cannot be used after this check; absent: it can.
struct RejectedBuild {
    Rejection setback;
    std::string why; // a sentence without its end: "llama.cpp b11160 for CUDA lists no GPU"
};
[[nodiscard]] std::optional<RejectedBuild> refuted(const BuildCheck& check, const std::string& tag,
                                                   Backend backend);

} // namespace odysseus::builds
