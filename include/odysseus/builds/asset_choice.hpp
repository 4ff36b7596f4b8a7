// Machine + releases -> what to fetch: an ordered list of builds, the best first, each with the
// sentence that says why. The next one is for when ground truth (--version, --list-devices after
// installing) refutes the one before: cuda -> vulkan -> cpu. docs/hardware.md has the rules.
#pragma once

#include "odysseus/builds/build.hpp"
#include "odysseus/builds/release.hpp"
#include "odysseus/hardware/machine.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace odysseus::builds {

inline constexpr std::string_view k_upstream_repo = "ggml-org/llama.cpp";
inline constexpr std::string_view k_ai_dock_repo = "ai-dock/llama.cpp-cuda";
inline constexpr std::string_view k_github_download = "https://github.com";

struct ChoiceInput {
    hardware::Machine machine;
    std::optional<Backend> device; // --device; absent: auto. A device that was asked for never
                                   // falls back to another.
    // The wanted release first. The others serve when it is incomplete: only those that are older
    // (smaller bN) count, whatever the order.
    std::vector<Release> upstream;
    std::optional<std::vector<Release>> ai_dock; // newest first; absent: not asked yet
    // A tag was asked for: it is taken even where it is known to be bad (known_builds.hpp). Else
    // such a build is taken only where there is no other at all.
    bool pinned = false;
    // --github-download. Other than k_github_download: URLs are built on it (direct_url), instead
    // of taken from the release.
    std::string download_base = std::string(k_github_download);
};

struct BuildPlan {
    std::vector<BuildChoice> choices; // never empty
    std::vector<std::string> notes;   // why a backend that comes before was passed over
    // Upstream has no CUDA build for this Linux machine, ai-dock may have: get ai-dock's releases
    // and choose again. When they cannot be had, the plan is good as it stands.
    bool wants_ai_dock = false;
};

struct NoBuild {
    std::string reason; // a sentence with its remedy
    bool wants_ai_dock = false;
};

[[nodiscard]] std::variant<BuildPlan, NoBuild> choose_builds(const ChoiceInput& input);

// The backends to try in this order, before any release is looked at.
[[nodiscard]] std::vector<Backend> candidates(const hardware::Machine& machine,
                                              std::optional<Backend> device);

// What became of a choice, and where to go on. An absent file or a build that does not start leads
// to the next choice, a build that lists no GPU to the next of another backend.
enum class Rejection { absent, does_not_run, lists_no_gpu };
[[nodiscard]] std::optional<std::size_t> next_choice(const BuildPlan& plan, std::size_t current,
                                                     Rejection setback);

// BASE/REPO/releases/download/TAG/NAME, which is not rate limited.
[[nodiscard]] std::string direct_url(std::string_view base, std::string_view repo,
                                     std::string_view tag, std::string_view name);
// BASE/REPO/releases/latest/download/nightly-tag.txt: the stable channel without the API.
[[nodiscard]] std::string nightly_tag_url(std::string_view base, std::string_view repo);

} // namespace odysseus::builds
