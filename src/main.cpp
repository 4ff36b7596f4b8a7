// The program, told from top to bottom: what a launch does, in its order. The rooms that it walks
// through are those of docs/architecture.md.
#include "odysseus/base/background_output.hpp"
#include "odysseus/base/error.hpp"
#include "odysseus/base/log.hpp"
#include "odysseus/commands/build_news.hpp"
#include "odysseus/commands/commands.hpp"
#include "odysseus/commands/first_model.hpp"
#include "odysseus/commands/greeting.hpp"
#include "odysseus/commands/launch_steps.hpp"
#include "odysseus/commands/launched_arguments.hpp"
#include "odysseus/commands/server_choice.hpp"
#include "odysseus/commands/serving.hpp"
#include "odysseus/commands/supervisor_spec.hpp"
#include "odysseus/commands/tell_failure.hpp"
#include "odysseus/commands/worker_use.hpp"
#include "odysseus/memory/context_record.hpp"
#include "odysseus/models/models_folder.hpp"
#include "odysseus/server/argument_rules.hpp"
#include "odysseus/system/environment.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/guard.hpp"
#include "odysseus/system/heap.hpp"
#include "odysseus/system/instance_lock.hpp"
#include "odysseus/system/leftovers.hpp"
#include "odysseus/system/service_manager.hpp"
#include "odysseus/system/stop_signal.hpp"
#include "odysseus/system/terminal.hpp"

#include <chrono>
#include <cstdlib>
#include <optional>

using namespace odysseus;
using namespace odysseus::commands;

namespace {

constexpr std::chrono::seconds k_request_grace{10}; // requests in flight get so long when we stop

int launch(const settings::CommandLine& line, const settings::ResolvedSettings& resolved) {
    const auto& settings = resolved.values;
    refuse_open_door(settings);
    refuse_unusable_worker(settings, line.llama_args);
    system::limit_heap_arenas();
    system::StopSignal stop;
    const auto stopped = [&stop] { return stop.asked(); };

    const auto home = settings::home_of(settings);
    refuse_missing_models_folder(resolved);
    make_folders(resolved, {home.data(), home.logs(), settings.models_dir});
    const system::InstanceLock lock(home.root);
    const bool first_run = !lock.last_address();
    log::set_up(*log::level_from(settings.log_level), *log::format_from(settings.log_format),
                home.logs() / "odysseus.log", system::stderr_is_terminal());
    if (const auto ended = system::clean_leftovers(llama_record(home))) log::warn(*ended);
    system::sweep_temporaries(home.data());

    // The machine, and the llama.cpp build that fits it.
    Plan plan;
    plan.hardware = machine_for(settings);
    auto server = server_for(settings, plan.hardware, stopped);
    note_build_findings(settings, server.build, plan.hardware);
    plan.hardware.backend = server.backend;
    server.visible_devices = leave_unserved_gpus(plan.hardware, server.build);
    take_listed_devices(plan.hardware, settings, server);
    plan.build = server.build;

    // The models, and the largest context that memory allows.
    fetch_first_model(pull_options(settings, plan.hardware, stopped));
    models::Models models(model_scan(settings), toy_model(home), name_rules(settings));
    plan.models = models.models();
    plan.findings = models.catalog()->findings;
    write_toy_model(home);
    memory::ContextRecord record(home, settings, plan.hardware, plan.build->tag);
    server::PresetFile preset(home.preset());
    WorkerUse worker(settings, line.llama_args, server, stopped);
    auto rules = fit_rules(settings, plan.hardware, line.llama_args, plan.build);
    rules.worker = worker.memory();
    ModelFits fits(with_companions(rules, plan.models), record, preset);
    fits.offer(*models.catalog());
    take(plan, fits.fitted(plan.models, ""));
    say_what_has_no_effect(settings);
    say_first_lines(plan, first_run);

    // From here on nothing waits for the terminal, nor for a log.
    const BackgroundOutput output;

    // llama-server, under supervision.
    auto spec = start_spec(settings, home, plan, server, line.llama_args);
    spec.setups = &fits;
    std::optional<Error> lost; // by the supervisor's thread, before `stop` is asked
    spec.on_lost = [&](const Error& error) {
        lost = error;
        stop.ask();
    };
    server::Supervisor supervisor(std::move(spec));
    models.on_change(
        [&](const auto& catalog) { offer_models(fits, catalog, supervisor.current()); });
    stop.on_second([&supervisor] { supervisor.kill_now(); });

    // The proxy in front of it.
    proxy::Proxy proxy(proxy_settings(settings, plan, line.llama_args), supervisor, models,
                       proxy_pages(settings, plan, supervisor, models, fits, worker));
    const WorkerUse::Watch watch(worker, fits, supervisor,
                                 [&proxy] { return proxy.traffic().active == 0; });
    listen(proxy, settings);
    listen_as_ollama(proxy, settings);
    proxy.start();
    supervisor.start();
    const auto started = supervisor.wait_started(stopped);
    if (const auto* why = std::get_if<Error>(&started)) throw *why;
    save_arguments(home, line.llama_args);

    if (!stop.asked()) {
        const auto url = url_of(settings, proxy.port());
        lock.note_address(url);
        say_ready(url, plan, first_run);
        open_page(url, settings, first_run);
        const UpdateWatch updates(settings, plan.hardware, server.build);
        system::notify_ready();
        system::return_unused_memory();
        stop.wait();
    }
    system::hide_echo();
    system::say("stopping", "requests under way may finish; Ctrl-C again stops at once");
    system::notify_stopping();
    proxy.stop(k_request_grace);
    note_what_held(fits, supervisor.current());
    supervisor.stop();
    stop.on_second({});
    if (lost) throw *lost;
    return 0;
}

int run(const settings::CommandLine& line) {
    if (line.verb != settings::Verb::serve) return carry_out(line);
    if (const auto why = server::conflicting_argument(line.llama_args))
        throw Error(Fault::usage, *why);
    return launch(line, settings::resolve_settings(line.settings));
}

} // namespace

int main(int argc, char** argv) {
    if (const auto code = system::guard_main(argc, argv)) return *code;
    int code = 0;
    try {
        auto words = system::own_arguments(argc, argv);
        if (!words.empty()) words.erase(words.begin());
        code = run(settings::parse_command_line(std::move(words)));
    } catch (...) {
        code = tell_failure();
    }
    if (output_is_stuck()) std::_Exit(code);
    return code;
}
