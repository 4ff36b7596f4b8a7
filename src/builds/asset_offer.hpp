// What one release offers to a machine for one backend. asset_choice decides between releases and
// backends on top of this.
#pragma once

#include "odysseus/builds/asset_name.hpp"
#include "odysseus/builds/release.hpp"
#include "odysseus/builds/runtime_fit.hpp"
#include "odysseus/hardware/machine.hpp"

#include <string>
#include <vector>

namespace odysseus::builds {

// One archive of a release that is for this machine and backend, with its CUDA runtime. The
// pointers are into the release.
struct Offer {
    AssetName name;
    const Asset* asset = nullptr;
    const Asset* runtime = nullptr;
    bool needs_runtime = false;
    Fit fit;
};

// The offers that fit and are complete, the best first.
struct Offers {
    std::vector<Offer> whole;
    std::vector<std::string> obstacles; // why others of this backend do not fit
    std::vector<std::string> missing;   // what is not there (yet)
};

[[nodiscard]] Offers find_offers(const hardware::Machine& machine, const Release& release,
                                 Backend backend);

} // namespace odysseus::builds
