#pragma once

#include <filesystem>
#include <optional>

namespace odysseus::system {

// The file with this system's certificate authorities: each family of Linux has it elsewhere, and a
// program that runs on all of them cannot know the place when it is built. Nothing: the system's
// own library knows (Windows, macOS), or there is none.
[[nodiscard]] std::optional<std::filesystem::path>
certificate_bundle(const std::filesystem::path& root = "/");

} // namespace odysseus::system
