// From a machine and the settings to an installed build: releases, choice, installation.
#pragma once

#include "odysseus/builds/asset_choice.hpp"
#include "odysseus/builds/install.hpp"
#include "odysseus/builds/release_source.hpp"
#include "odysseus/hardware/machine.hpp"

#include <optional>
#include <string>

namespace odysseus::builds {

struct BuildWish {
    hardware::Machine machine;
    std::optional<Backend> device;
    std::string download_base; // --github-download
};

// What would be installed, the best first. Asks older releases and ai-dock only when the wanted
// release has nothing for the machine's own backend. Throws Error: no_build when nothing fits, and
// what ReleaseSource throws.
[[nodiscard]] BuildPlan plan_build(const BuildWish& wish, ReleaseSource& source);

// Plans and installs.
[[nodiscard]] InstalledBuild acquire_build(const BuildWish& wish, ReleaseSource& source,
                                           BuildStore& store, const InstallOptions& options);

} // namespace odysseus::builds
