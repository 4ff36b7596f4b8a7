// What GitHub's release API says, as values.
// Two families exist (docs/hardware.md): bN releases carry the archives; since August 2026 a stable
// vX.Y.Z release carries only nightly-tag.txt, whose one line names the bN it stands for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace odysseus::builds {

inline constexpr std::string_view k_nightly_tag_file = "nightly-tag.txt";
inline constexpr std::size_t k_nightly_tag_bytes_max = 1024;
inline constexpr std::size_t k_releases_max = 1000;
inline constexpr std::size_t k_assets_max = 1000; // one release

struct Asset {
    std::string name; // a plain file name: letters, digits, ".", "_", "-", "+"
    std::string url;
    std::optional<std::int64_t> size_bytes;
    std::optional<std::string> sha256; // 64 lower-case digits, from the API's `digest`
    bool uploaded = true;              // false: still on its way ("state", or size 0)
};

struct Release {
    std::string tag; // "b11160" or "v0.4.0"; a plain file name
    bool prerelease = false;
    bool draft = false;
    std::vector<Asset> assets; // those whose names are plain; others are left out
    bool guessed = false;      // names made from the tag alone; some may not exist
};

// One release object, or a list of them in the order given; releases without a usable tag are left
// out. A string says why the text is neither; an API error's own message is quoted.
[[nodiscard]] std::variant<std::vector<Release>, std::string>
releases_from_json(std::string_view text);

// The whole content of a nightly-tag.txt: "b11146\n".
[[nodiscard]] std::optional<std::string> nightly_tag(std::string_view text);

// The N of "bN" (one to seven digits, no leading zero); absent for any other tag.
[[nodiscard]] std::optional<int> build_number(std::string_view tag);

// A plain file name that is safe as a part of a path or URL on every system.
[[nodiscard]] bool is_plain_name(std::string_view name);

// The asset of exactly this name, uploaded or not; null when there is none.
[[nodiscard]] const Asset* find_asset(const Release& release, std::string_view name);

} // namespace odysseus::builds
