// The `hardware` object of `odysseus plan --json`, and the same object read from --hardware FILE.
// Sizes are MiB; what is not known is null. Beyond the documented keys: a GPU's "gfx" and
// "unified_memory", the machine's "glibc", "vulkan", "rocm" and "sycl". Keys that are not known
// are ignored.
#pragma once

#include "odysseus/hardware/machine.hpp"

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <variant>

namespace odysseus::hardware {

[[nodiscard]] nlohmann::ordered_json machine_json(const Machine& machine);

// "os" must be there; other missing keys are unknown. A missing "arch" is assumed (arm64 for Apple
// and Metal, else x64) and noted; a missing "backend" is detect_backend's. A string says what is
// wrong, and what would be right.
[[nodiscard]] std::variant<Machine, std::string> machine_from_json(std::string_view text);

} // namespace odysseus::hardware
