#include "odysseus/builds/attestation_text.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus::builds;

TEST_CASE("attestation: what gh says, and what it only could not find out") {
    using Result = Attestation::Result;
    struct Row {
        int status;
        const char* output;
        Result result;
    };
    const Row rows[] = {
        {0, "Loaded digest sha256:ab for file://x.tar.gz\nVerification succeeded!",
         Result::verified},
        {1, "Error: no attestations found for sha256:ab", Result::refuted},
        {1,
         "Error: HTTP 404: Not Found "
         "(https://api.github.com/repos/ggml-org/llama.cpp/attestations)",
         Result::refuted},
        {1, "Error: verifying with issuer \"sigstore.dev\": verification failed", Result::refuted},
        {4, "To get started with GitHub CLI, please run: gh auth login", Result::not_asked},
        {1, "error connecting to api.github.com", Result::not_asked},
        {1, "unknown command \"attestation\" for \"gh\"", Result::not_asked},
        {1, "", Result::not_asked},
    };
    for (const auto& row : rows) {
        INFO(row.output);
        CHECK(attestation_from(row.status, row.output).result == row.result);
    }
    CHECK(attestation_command("x.tar.gz") ==
          "gh attestation verify x.tar.gz --repo ggml-org/llama.cpp");
}
