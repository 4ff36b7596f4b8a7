#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/base/version.hpp"
#include "odysseus/commands/commands.hpp"
#include "odysseus/commands/launch_steps.hpp"
#include "odysseus/server/argument_rules.hpp"
#include "odysseus/system/terminal.hpp"

namespace odysseus::commands {

using settings::Verb;

namespace {

// What is only printed needs no settings.
bool is_printed(const settings::CommandLine& line) {
    switch (line.verb) {
    case Verb::help: system::print(line.help); return true;
    case Verb::version: system::print(concat("odysseus ", version(), "\n")); return true;
    case Verb::completion:
        system::print(settings::completion_script(line.words.front()));
        return true;
    default: return false;
    }
}

// Of commands that work for long, or change what a launch uses.
bool has_log_file(Verb verb) {
    return verb == Verb::pull || verb == Verb::backend || verb == Verb::worker;
}

} // namespace

int carry_out(const settings::CommandLine& line) {
    if (is_printed(line)) return 0;
    if (const auto why = server::conflicting_argument(line.llama_args))
        throw Error(Fault::usage, *why);
    const auto settings = settings::resolve_settings(line.settings);
    open_log(settings.values, has_log_file(line.verb));
    switch (line.verb) {
    case Verb::backend: return backend(line, settings);
    case Verb::plan: return plan(line, settings);
    case Verb::config: return config(line, settings);
    case Verb::models: return models(line, settings);
    case Verb::pull: return pull(line, settings);
    case Verb::worker: return worker(line, settings);
    case Verb::pair: return pair(line, settings);
    case Verb::doctor: return doctor(line, settings);
    default: throw Error(Fault::bug, "this command is not there yet");
    }
}

} // namespace odysseus::commands
