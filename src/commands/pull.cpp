#include "odysseus/front/commands.hpp"
#include "odysseus/front/first_model.hpp"
#include "odysseus/front/launch.hpp"
#include "odysseus/front/server.hpp"
#include "odysseus/io/terminal.hpp"
#include "odysseus/platform/files.hpp"
#include "odysseus/platform/stop_signal.hpp"

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
