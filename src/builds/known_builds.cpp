#include "odysseus/builds/known_builds.hpp"

#include "odysseus/base/dotted_version.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/builds/release.hpp"

namespace odysseus::builds {
namespace {

using hardware::Os;

constexpr int k_first_attested = 10502;

bool not_on_windows(const hardware::Machine& machine) {
    return machine.os != Os::windows;
}

// A version that is not known may be an old one.
bool on_macos_15_or_older(const hardware::Machine& machine) {
    if (machine.os != Os::macos) return false;
    const auto version = machine.os_version ? dotted_version(*machine.os_version) : std::nullopt;
    return !version || version->major <= 15;
}

bool everywhere(const hardware::Machine&) {
    return true;
}

struct Row {
    int first;
    int last;
    bool (*concerns)(const hardware::Machine&);
    KnownFault::Kind kind;
    const char* what;
    const char* issue;
};

constexpr Row k_rows[] = {
    {9165, 9172, not_on_windows, KnownFault::Kind::broken, "its archives have broken links",
     "llama.cpp issue 23119"},
    {10121, 10267, on_macos_15_or_older, KnownFault::Kind::broken,
     "it does not start on macOS 15 and older", "llama.cpp issue 26375"},
    {10917, 10968, everywhere, KnownFault::Kind::broken,
     "its CPU code corrupts memory, which crashes or falsifies answers", "llama.cpp issue 28858"},
    {1, k_security_floor - 1, everywhere, KnownFault::Kind::insecure,
     "a request can make it run foreign code or use memory that is freed",
     "CVE-2026-21869, CVE-2026-43631"},
};

} // namespace

std::optional<KnownFault> known_fault(std::string_view tag, const hardware::Machine& machine) {
    const auto number = build_number(tag);
    if (!number) return std::nullopt;
    for (const auto& row : k_rows) {
        if (*number >= row.first && *number <= row.last && row.concerns(machine))
            return KnownFault{row.kind, row.what, row.issue};
    }
    return std::nullopt;
}

std::string fault_sentence(std::string_view tag, const KnownFault& fault) {
    return concat("llama.cpp ", tag,
                  fault.kind == KnownFault::Kind::insecure ? " is below the security floor: "
                                                           : " is known to be bad: ",
                  fault.what, " (", fault.issue, ")");
}

bool has_attestation(std::string_view tag) {
    return build_number(tag).value_or(0) >= k_first_attested;
}

} // namespace odysseus::builds
