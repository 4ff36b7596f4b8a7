// The API-free way: from a build's tag alone, the names that its release should have. Sizes and
// digests are absent, and a name may turn out not to exist (next_choice with Rejection::absent).
#pragma once

#include "odysseus/builds/release.hpp"

#include <optional>
#include <string_view>

namespace odysseus::builds {

// Absent when the tag is no "bN". The URLs are direct ones below `download_base`.
[[nodiscard]] std::optional<Release> guessed_release(std::string_view tag,
                                                     std::string_view download_base);

} // namespace odysseus::builds
