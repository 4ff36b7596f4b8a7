// Installing a llama.cpp build: fetch, verify, unpack beside, check by running it, publish, select.
// Whatever happens, and whenever the program is killed: what was installed before stays usable, and
// the store holds whole builds only.
#pragma once

#include "odysseus/builds/asset_choice.hpp"
#include "odysseus/builds/attestation.hpp"
#include "odysseus/builds/build_check.hpp"
#include "odysseus/builds/build_store.hpp"
#include "odysseus/download/fetch.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <variant>

namespace odysseus::builds {

struct InstallOptions {
    download::HttpOptions http; // its stop flag ends the other steps too
    // What is under way ("llama-b11160-bin-...tar.gz", "unpacking") and how far.
    std::function<void(const std::string& what, const download::FetchProgress&)> progress;
    std::function<void(const std::string& sentence)> tell; // for people, one line each
    std::function<void(std::string_view step)> at_step;    // for tests: before each step
    CheckBuild check;                                      // empty: check_build
    // Puts a CUDA runtime from Python packages beside llama-server; empty: add_python_runtime. When
    // it fails that is told, and the check decides whether the system has one.
    std::function<void(const std::filesystem::path& beside)> python_runtime;
    // Asks gh about an archive that carries an attestation; empty: nobody is asked. What is
    // refuted is not installed.
    std::function<Attestation(const std::filesystem::path& archive)> attest;
    std::optional<bool> links_as_copies; // see UnpackOptions
    std::chrono::milliseconds lock_wait{std::chrono::hours(1)};
};

using InstallOutcome = std::variant<InstalledBuild, RejectedBuild>;

// One choice. A build of the same id that is there already is selected without a request.
// Throws Error: network, integrity, usage, busy; Stopped.
[[nodiscard]] InstallOutcome install_build(BuildStore& store, const BuildChoice& choice,
                                           const InstallOptions& options);

// The choices of a plan from the first on, until one holds: a file that does not exist, a build
// that does not run, a GPU build that sees no GPU lead to the next one, told and kept in `reason`.
// Throws besides: Error (no_build) or (integrity) when none holds.
[[nodiscard]] InstalledBuild install_plan(BuildStore& store, const BuildPlan& plan,
                                          const InstallOptions& options);

// A .tar.gz, .tar.xz or .zip, or a folder that holds llama-server. Its tag is what --version says.
// The archive or folder itself stays as it is.
[[nodiscard]] InstalledBuild import_build(BuildStore& store, const std::filesystem::path& from,
                                          const InstallOptions& options);

} // namespace odysseus::builds
