#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/commands/commands.hpp"
#include "odysseus/commands/first_model.hpp"
#include "odysseus/commands/launch_steps.hpp"
#include "odysseus/commands/server_choice.hpp"
#include "odysseus/download/http.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/stop_signal.hpp"
#include "odysseus/system/terminal.hpp"

namespace odysseus::commands {
namespace {

models::PullPlan pulled(const std::string& name, const models::PullOptions& options) {
    try {
        return pull_shown(name, options);
    } catch (const download::Unreachable& nobody) {
        const std::string_view what = nobody.what();
        throw Error(nobody.fault(),
                    concat(what, what.ends_with('?') ? " A" : "; a",
                           " GGUF file from elsewhere goes into ", system::utf8(options.models_dir),
                           "; a mirror is named with "
                           "--hf-endpoint"));
    }
}

} // namespace

int pull(const settings::CommandLine& line, const settings::ResolvedSettings& resolved) {
    const auto& settings = resolved.values;
    const system::StopSignal stop;
    make_folders(resolved, {settings::home_of(settings).data(), settings.models_dir});
    auto machine = machine_for(settings);
    // What is installed decides whose memory counts: the GPU's or the machine's.
    if (const auto build = store_for(settings, machine).current()) {
        machine.backend = build->manifest.backend;
    }
    const auto options = pull_options(settings, machine, [&stop] { return stop.asked(); });
    const auto plan = pulled(line.words.front(), options);
    system::print(system::utf8(plan.files.front().to) + "\n"); // for scripts
    return 0;
}

} // namespace odysseus::commands
