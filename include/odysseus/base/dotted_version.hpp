// Versions of two numbers: of CUDA, ROCm, the C library, a driver.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace odysseus {

struct DottedVersion {
    int major = 0;
    std::optional<int> minor;
    [[nodiscard]] int minor_or_zero() const { return minor.value_or(0); }
};

// "13", "13.4" or "12.2.0" (what follows the minor is not kept).
[[nodiscard]] std::optional<DottedVersion> dotted_version(std::string_view text);
[[nodiscard]] std::string version_text(const DottedVersion& version);
// By major, then minor: is `a` below `b`?
[[nodiscard]] bool below(const DottedVersion& a, const DottedVersion& b);
[[nodiscard]] bool same(const DottedVersion& a, const DottedVersion& b);

} // namespace odysseus
