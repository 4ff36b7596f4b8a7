#include "odysseus/commands/commands.hpp"
#include "odysseus/commands/first_model.hpp"
#include "odysseus/commands/launch_steps.hpp"
#include "odysseus/commands/server_choice.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/stop_signal.hpp"
#include "odysseus/system/terminal.hpp"

namespace odysseus::commands {

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
    const auto plan = pull_shown(line.words.front(), options);
    system::print(system::utf8(plan.files.front().to) + "\n"); // for scripts
    return 0;
}

} // namespace odysseus::commands
