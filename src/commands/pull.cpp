#include "odysseus/commands/commands.hpp"
#include "first_model.hpp"
#include "launch_steps.hpp"
#include "server_choice.hpp"
#include "odysseus/system/terminal.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/stop_signal.hpp"

namespace odysseus::front {

int pull(const io::CommandLine& line, const io::ResolvedSettings& resolved) {
    const auto& settings = resolved.values;
    const platform::StopSignal stop;
    make_folders(resolved, {home_of(settings).data(), settings.models_dir});
    auto machine = machine_for(settings);
    // What is installed decides whose memory counts: the GPU's or the machine's.
    if (const auto build = store_for(settings, machine).current()) {
        machine.backend = build->manifest.backend;
    }
    const auto options = pull_options(settings, machine, [&stop] { return stop.asked(); });
    const auto plan = pull_shown(line.words.front(), options);
    io::print(platform::utf8(plan.files.front().to) + "\n"); // for scripts
    return 0;
}

} // namespace odysseus::front
