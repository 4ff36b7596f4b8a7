// Builds of llama.cpp that are known to be bad: a table with the numbers of upstream's issues. None
// of them is taken by itself; one that was imported, pinned or named gets a finding.
#pragma once

#include "odysseus/hardware/machine.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace odysseus::builds {

struct KnownFault {
    enum class Kind {
        broken,   // does not start, or computes what is wrong
        insecure, // below the security floor
    } kind = Kind::broken;
    std::string what;  // a clause: "its archives have broken links"
    std::string issue; // "llama.cpp issue 23119", "CVE-2026-43631"
};

// The first build of upstream that has no known hole which a request can use.
inline constexpr int k_security_floor = 8913;

// `tag`: "b11160"; absent for one that is not known to be bad, and for a tag without a number.
[[nodiscard]] std::optional<KnownFault> known_fault(std::string_view tag,
                                                    const hardware::Machine& machine);

// "b10950 is known to be bad: ... (llama.cpp issue 28858)"
[[nodiscard]] std::string fault_sentence(std::string_view tag, const KnownFault& fault);

// Whether upstream's archives of this build carry a build attestation (since b10502).
[[nodiscard]] bool has_attestation(std::string_view tag);

} // namespace odysseus::builds
