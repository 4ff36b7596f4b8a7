#include "odysseus/base/error.hpp"
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/base/version.hpp"
#include "odysseus/commands/commands.hpp"
#include "odysseus/server/user_arguments.hpp"
#include "odysseus/system/environment.hpp"
#include "odysseus/system/guard.hpp"
#include "odysseus/system/terminal.hpp"

#include <exception>

using namespace odysseus;

namespace {

constexpr int k_interrupted = 130; // as shells say it: 128 and SIGINT

int run(const settings::CommandLine& line) {
    using settings::Verb;
    switch (line.verb) {
    case settings::Verb::help: system::print(line.help); return 0;
    case settings::Verb::version: system::print(cat("odysseus ", version(), "\n")); return 0;
    case settings::Verb::completion:
        system::print(settings::completion_script(line.words.front()));
        return 0;
    default: break;
    }
    // odysseus talks to llama-server by these; the user's own would cut the two apart.
    if (const auto why = server::conflicting_argument(line.llama_args))
        throw Error(Fault::usage, *why);
    const auto settings = settings::resolve_settings(line.settings);
    switch (line.verb) {
    case settings::Verb::serve: return commands::serve(line, settings);
    case settings::Verb::backend: return commands::backend(line, settings);
    case settings::Verb::plan: return commands::plan(line, settings);
    case settings::Verb::config: return commands::config(line, settings);
    case settings::Verb::models: return commands::models(line, settings);
    case settings::Verb::pull: return commands::pull(line, settings);
    case settings::Verb::doctor: return commands::doctor(line, settings);
    default: break;
    }
    throw Error(Fault::bug, "this command is not there yet");
}

} // namespace

int main(int argc, char** argv) {
    if (const auto code = system::guard_main(argc, argv)) return *code;
    try {
        auto words = system::own_arguments(argc, argv);
        if (!words.empty()) words.erase(words.begin());
        return run(settings::parse_command_line(std::move(words)));
    } catch (const Stopped& stopped) {
        system::complain(cat("stopped: ", stopped.what()));
        return k_interrupted;
    } catch (const Error& error) {
        system::complain(error.what());
        return exit_code(error.fault());
    } catch (const std::exception& error) {
        system::complain(cat("unexpected error: ", error.what()));
        return exit_code(Fault::bug);
    }
}
