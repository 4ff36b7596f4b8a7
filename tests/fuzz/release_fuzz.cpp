// Release JSON -> releases -> the choice for two very different machines; and nightly-tag.txt.
#include "odysseus/builds/asset_choice.hpp"

#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace odysseus;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    (void)builds::nightly_tag(text);
    const auto parsed = builds::releases_from_json(text);
    const auto* releases = std::get_if<std::vector<builds::Release>>(&parsed);
    if (releases == nullptr) return 0;
    for (const auto backend : {Backend::cuda, Backend::rocm, Backend::sycl}) {
        builds::ChoiceInput input;
        input.machine.backend = backend;
        input.machine.os = backend == Backend::cuda ? hardware::Os::linux : hardware::Os::windows;
        input.upstream = *releases;
        input.ai_dock = *releases;
        const auto answer = builds::choose_builds(input);
        const auto* plan = std::get_if<builds::BuildPlan>(&answer);
        if (plan == nullptr) continue;
        // What is chosen becomes paths: only plain names may come out.
        for (const auto& choice : plan->choices) {
            if (choice.files.empty() || !builds::is_plain_name(choice.tag)) std::abort();
            for (const auto& file : choice.files) {
                if (!builds::is_plain_name(file.name)) std::abort();
            }
        }
    }
    return 0;
}
