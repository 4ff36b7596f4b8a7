#include "odysseus/base/error.hpp"
#include "odysseus/commands/commands.hpp"
#include "odysseus/commands/launch_steps.hpp"
#include "odysseus/commands/model_fits.hpp"
#include "odysseus/commands/server_choice.hpp"
#include "odysseus/commands/worker_use.hpp"
#include "odysseus/memory/context_record.hpp"
#include "odysseus/models/model_scan.hpp"
#include "odysseus/settings/home.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/terminal.hpp"
#include "verify.hpp"

namespace odysseus::commands {

int plan(const settings::CommandLine& line, const settings::ResolvedSettings& resolved) {
    const auto& settings = resolved.values;
    const auto home = settings::home_of(settings);
    Plan plan;
    plan.hardware = machine_for(settings);

    int code = 0;
    try {
        plan.build = planned_build(settings, plan.hardware);
        // No specified backend, so it is told only where it really is what will be used.
        if (plan.hardware.backend == Backend::sycl && plan.build->backend)
            plan.hardware.backend = *plan.build->backend;
    } catch (const Error& error) {
        if (error.fault() == Fault::usage) throw;
        // The rest can be planned all the same.
        plan.build_trouble = error.what();
        code = settings.offline ? 0 : exit_code(error.fault());
    }
    // What is counted and asked for is what the build can use, which may be less than what is here.
    auto used = plan.hardware;
    const bool own_choice = settings.device == Backend::cpu; // any build computes there
    if (plan.build && plan.build->backend && !own_choice) used.backend = *plan.build->backend;
    if (plan.build && !leave_unserved_gpus(used, *plan.build).empty()) plan.hardware = used;
    if (const auto server = ready_server(settings, used)) {
        take_listed_devices(used, settings, *server);
        plan.hardware.gpus = used.gpus;
        plan.hardware.notes = used.notes;
    } else if (used.backend == Backend::vulkan && used.gpus.empty() && !settings.device) {
        used.backend = Backend::cpu; // a loader alone is no GPU, as the build will tell
    }
    if (used.gpus.empty()) plan.hardware.backend = used.backend;
    const auto catalog = model_scan(settings).catalog();
    plan.findings = catalog.findings;
    plan.models = catalog.models;
    if (line.has("--forget")) memory::ContextRecord::forget(home);
    const memory::ContextRecord record(home, settings, used, plan.build ? plan.build->tag : "");
    auto alone = fit_rules(settings, used, line.llama_args, plan.build);
    if (!settings.worker.empty()) {
        plan.worker = worker_looked_at(settings, line.llama_args, used);
        alone.worker = worker_of(*plan.worker);
    }
    const auto rules = with_companions(std::move(alone), plan.models);
    take(plan, fitted_models(rules, plan.models, record));
    if (line.has("--verify")) {
        auto as_used = plan;
        as_used.hardware = used;
        plan.verified = verified(ready_server(settings, used), as_used, line.llama_args);
    }
    plan.argv = server::launch_arguments(launch_plan_for(
        settings, home, used, {plan.context.tokens, plan.without_gpu, plan.models_max},
        settings.llama_port, line.llama_args));
    plan.argv.insert(plan.argv.begin(), "llama-server");

    plan.threads_note = threads_note(used, used.backend, settings.threads_asked_for);

    if (line.has("--json")) {
        system::print(plan_json(plan));
    } else {
        system::print(plan_text(plan, system::output_columns()));
    }
    if (code != 0 && line.has("--json"))
        system::say("build", plan.build_trouble); // else it is in the text
    return code;
}

} // namespace odysseus::commands
