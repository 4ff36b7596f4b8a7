#include "odysseus/builds/attestation_text.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/builds/asset_choice.hpp"

namespace odysseus::builds {
namespace {

constexpr std::size_t k_shown_bytes_max = 200;

std::string last_line(std::string_view output) {
    const auto lines = lines_of(trimmed(output));
    return lines.empty() ? std::string() : std::string(lines.back().substr(0, k_shown_bytes_max));
}

} // namespace

std::string attestation_command(std::string_view file) {
    return concat("gh attestation verify ", file, " --repo ", k_upstream_repo);
}

Attestation attestation_from(int status, std::string_view output) {
    if (status == 0) return {Attestation::Result::verified, ""};
    const auto low = lowered(output);
    const auto has = [&](std::string_view words) { return low.find(words) != std::string::npos; };
    // gh 2.49 and newer: no attestation of this digest, or one that does not hold.
    const bool refuted = has("no attestations found") || has("verification failed") ||
                         has("failed to verify") || has("http 404");
    const auto why = last_line(output);
    return {refuted ? Attestation::Result::refuted : Attestation::Result::not_asked,
            why.empty() ? concat("gh exited with ", status) : why};
}

} // namespace odysseus::builds
