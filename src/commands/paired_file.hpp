// The machines that this one was paired with, and what it shows to them: in HOME/data, for this
// user alone.
#pragma once

#include "odysseus/settings/settings.hpp"
#include "odysseus/system/tls.hpp"
#include "pairing.hpp"

#include <filesystem>
#include <vector>

namespace odysseus::commands {

[[nodiscard]] std::filesystem::path paired_file(const settings::Settings& settings);
[[nodiscard]] system::TlsFiles identity_files(const settings::Settings& settings);

// None where there is no file. Throws Error (usage) where it is damaged.
[[nodiscard]] std::vector<PairedMachine> paired_with(const settings::Settings& settings);
void write_paired(const settings::Settings& settings, const std::vector<PairedMachine>& machines);

// Makes certificate and key where there are none yet. Throws Error.
[[nodiscard]] system::TlsFiles made_identity(const settings::Settings& settings);

} // namespace odysseus::commands
