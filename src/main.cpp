#include "odysseus/base/error.hpp"
#include "odysseus/commands/commands.hpp"
#include "odysseus/system/terminal.hpp"
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/server/user_arguments.hpp"
#include "odysseus/base/version.hpp"
#include "odysseus/system/environment.hpp"
#include "odysseus/system/guard.hpp"

#include <exception>

using namespace odysseus;

namespace {

constexpr int k_interrupted = 130; // as shells say it: 128 and SIGINT

int run(const io::CommandLine& line) {
    using io::Verb;
    switch (line.verb) {
    case Verb::help: io::print(line.help); return 0;
    case Verb::version: io::print(cat("odysseus ", version(), "\n")); return 0;
    case Verb::completion: io::print(io::completion_script(line.words.front())); return 0;
    default: break;
    }
    // odysseus talks to llama-server by these; the user's own would cut the two apart.
    if (const auto why = conflicting_argument(line.llama_args)) throw Error(Fault::usage, *why);
    const auto settings = io::resolve_settings(line.settings);
    switch (line.verb) {
    case Verb::serve: return front::serve(line, settings);
    case Verb::backend: return front::backend(line, settings);
    case Verb::plan: return front::plan(line, settings);
    case Verb::config: return front::config(line, settings);
    case Verb::models: return front::models(line, settings);
    case Verb::pull: return front::pull(line, settings);
    case Verb::doctor: return front::doctor(line, settings);
    default: break;
    }
    throw Error(Fault::bug, "this command is not there yet");
}

} // namespace

int main(int argc, char** argv) {
    if (const auto code = platform::guard_main(argc, argv)) return *code;
    try {
        auto words = platform::own_arguments(argc, argv);
        if (!words.empty()) words.erase(words.begin());
        return run(io::parse_command_line(std::move(words)));
    } catch (const Stopped& stopped) {
        io::complain(cat("stopped: ", stopped.what()));
        return k_interrupted;
    } catch (const Error& error) {
        io::complain(error.what());
        return exit_code(error.fault());
    } catch (const std::exception& error) {
        io::complain(cat("unexpected error: ", error.what()));
        return exit_code(Fault::bug);
    }
}
