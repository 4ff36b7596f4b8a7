#include "machine_here.hpp"
#include "odysseus/front/commands.hpp"
#include "odysseus/front/first_model.hpp"
#include "odysseus/io/terminal.hpp"
#include "odysseus/platform/files.hpp"

namespace odysseus::front {

int pull(const io::CommandLine& line, const io::ResolvedSettings& settings) {
    const auto machine = machine_here(settings.values);
    const auto plan = pull_shown(line.words.front(), pull_options(settings.values, machine, {}));
    io::print(platform::utf8(plan.files.front().to) + "\n"); // for scripts
    return 0;
}

} // namespace odysseus::front
