// The one folder that odysseus writes into.
#pragma once

#include "odysseus/settings/settings.hpp"
#include "odysseus/system/files.hpp"

#include <filesystem>

namespace odysseus::settings {

// Where things are below HOME.
struct Home {
    std::filesystem::path root;
    [[nodiscard]] std::filesystem::path logs() const { return root / "logs"; }
    [[nodiscard]] std::filesystem::path data() const { return root / "data"; }
    [[nodiscard]] std::filesystem::path preset() const { return data() / "models.ini"; }
    [[nodiscard]] std::filesystem::path pulled() const { return data() / "pulled.json"; }
};
[[nodiscard]] inline Home home_of(const Settings& settings) {
    return {system::path_from_utf8(settings.home)};
}

} // namespace odysseus::settings
