#include "odysseus/builds/attestation.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/builds/asset_choice.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/run_tool.hpp"

namespace odysseus::builds {

Attestation verify_attestation(const std::filesystem::path& archive,
                               std::chrono::milliseconds limit) {
    system::ToolLimits limits;
    limits.deadline = limit;
    const auto result = system::run_tool({"gh", "attestation", "verify", system::utf8(archive),
                                          "--repo", std::string(k_upstream_repo)},
                                         {{"GH_PROMPT_DISABLED", "1"}, {"NO_COLOR", "1"}}, limits);
    using End = system::ToolResult::End;
    if (result.end == End::exited)
        return attestation_from(result.status, concat(result.out, "\n", result.err));
    return {Attestation::Result::not_asked, result.end == End::not_found
                                                ? "gh is not installed"
                                                : concat("gh ", result.how_it_ended(limits))};
}

} // namespace odysseus::builds
