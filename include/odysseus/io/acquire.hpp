// From a machine and the settings to an installed build: releases, choice, installation.
#pragma once

#include "odysseus/io/install.hpp"
#include "odysseus/io/release_source.hpp"
#include "odysseus/logic/asset_choice.hpp"
#include "odysseus/logic/machine.hpp"

#include <optional>
#include <string>

namespace odysseus::io {

struct BuildWish {
    Machine machine;
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

} // namespace odysseus::io
