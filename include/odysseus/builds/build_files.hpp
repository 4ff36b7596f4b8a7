// The files of an installed build against its manifest.
#pragma once

#include "odysseus/builds/build_store.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace odysseus::builds {

// Makes the manifest's entries say what lies at these paths, all below `folder`, now.
void describe_again(std::vector<ManifestFile>& files, const std::filesystem::path& folder,
                    const std::vector<std::filesystem::path>& paths);

// system::patch_interpreter, and the manifest (on the disk and in `build`) follows it. To be called
// before an installed build is run. Throws Error (usage) where a program must be changed and cannot
// be.
void patch_build(InstalledBuild& build);

// What is not as it was installed, a clause each: "libllama.so.0 is missing", "... was changed".
// Reads every file. Files that came beside them since do not count: drivers keep caches anywhere.
[[nodiscard]] std::vector<std::string> differences(const InstalledBuild& build);

} // namespace odysseus::builds
