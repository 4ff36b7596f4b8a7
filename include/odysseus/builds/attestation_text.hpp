// Build attestations: upstream signs since b10502 which workflow made an archive from which commit.
// GitHub's tool gh checks that against a public log.
#pragma once

#include <string>
#include <string_view>

namespace odysseus::builds {

struct Attestation {
    enum class Result {
        verified,
        refuted,   // gh says that the archive is not what upstream's workflow made
        not_asked, // no gh, not logged in, no network, too old
    } result = Result::not_asked;
    std::string why; // a clause, when it is not verified
};

// "gh attestation verify FILE --repo ggml-org/llama.cpp"
[[nodiscard]] std::string attestation_command(std::string_view file);

// What gh's exit status and words mean.
[[nodiscard]] Attestation attestation_from(int status, std::string_view output);

} // namespace odysseus::builds
