// The ground truth about a build: does its llama-server run here, and which devices does it see?
#pragma once

#include "odysseus/logic/asset_choice.hpp"
#include "odysseus/logic/server_text.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::io {

struct BuildCheck {
    bool runs = false;
    std::string trouble;            // a clause, when it does not run: "exited with 127: ..."
    std::optional<std::string> tag; // as --version says
    // Absent: this llama-server is too old to tell.
    std::optional<std::vector<Device>> devices;
};

// Asked with llama-server's path, and whether its own folder must be on the library path.
using CheckBuild =
    std::function<BuildCheck(const std::filesystem::path& server, bool library_path)>;

// Runs `--version` and `--list-devices`. The limits are wide: a virus scanner reads a new program
// first, and a GPU's driver may have to be woken.
[[nodiscard]] BuildCheck check_build(const std::filesystem::path& server, bool library_path,
                                     std::chrono::milliseconds limit = std::chrono::seconds(60));

// Why a build of that backend cannot be used after this check; absent: it can.
struct Refutation {
    Setback setback;
    std::string why; // a sentence without its end: "llama.cpp b11160 for CUDA lists no GPU"
};
[[nodiscard]] std::optional<Refutation> refuted(const BuildCheck& check, const std::string& tag,
                                                Backend backend);

} // namespace odysseus::io
