// gh, where it is installed, is asked about the attestation of an archive.
#pragma once

#include "odysseus/builds/attestation_text.hpp"

#include <chrono>
#include <filesystem>

namespace odysseus::builds {

// Runs attestation_command. Never throws for what gh says.
[[nodiscard]] Attestation verify_attestation(const std::filesystem::path& archive,
                                             std::chrono::milliseconds limit);

} // namespace odysseus::builds
