#include "odysseus/base/text.hpp"
#include "odysseus/commands/commands.hpp"
#include "odysseus/commands/launch_steps.hpp"
#include "odysseus/commands/model_fits.hpp"
#include "odysseus/commands/plan_report.hpp"
#include "odysseus/commands/server_choice.hpp"
#include "odysseus/memory/kv_cost.hpp"
#include "odysseus/models/model_scan.hpp"
#include "odysseus/settings/home.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/terminal.hpp"

#include <nlohmann/json.hpp>

namespace odysseus::commands {
namespace {

std::string or_dash(const std::optional<std::int64_t>& value, std::string (*text)(std::int64_t)) {
    return value ? text(*value) : "-";
}

// As a launch would run them.
FittedModels fitted_here(const settings::Settings& settings,
                         const std::vector<std::string>& llama_args,
                         const std::vector<models::Model>& models) {
    auto machine = machine_for(settings);
    const auto server = ready_server(settings, machine);
    if (server) {
        machine.backend = server->backend;
        (void)leave_unserved_gpus(machine, server->build);
        take_listed_devices(machine, settings, *server);
    }
    const memory::ContextRecord record(settings::home_of(settings), settings, machine,
                                       server ? server->build.tag : "");
    const auto build = server ? std::optional(server->build) : std::nullopt;
    return fitted_models(with_companions(fit_rules(settings, machine, llama_args, build), models),
                         models, record);
}

// Their files have names that tell nothing.
void say_stored(const std::vector<models::Model>& models) {
    std::vector<std::string> ids;
    for (const auto& model : models) {
        if (model.path.find("/blobs/sha256-") != std::string::npos) ids.push_back(model.id);
    }
    if (!ids.empty())
        system::say("note", concat("of Ollama's store, read as it lies: ", joined(ids, ", ")));
}

std::string count_text(std::int64_t count) {
    return std::to_string(count);
}

} // namespace

int models(const settings::CommandLine& line, const settings::ResolvedSettings& settings) {
    auto scan = model_scan(settings.values);
    const auto catalog = scan.catalog();
    const auto fitted = fitted_here(settings.values, line.llama_args, catalog.models);
    for (const auto& finding : catalog.findings)
        system::say("note", finding);
    if (line.has("--json")) {
        const nlohmann::ordered_json document{{"models_dir", settings.values.models_dir},
                                              {"models_dirs", settings.values.models_dirs()},
                                              {"models", models_json(catalog.models, fitted.fits)},
                                              {"findings", catalog.findings}};
        system::print(document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
                      "\n");
        return 0;
    }
    if (catalog.models.empty()) {
        system::say("models",
                    concat("none in ", joined(settings.values.models_dirs(), ", "),
                           "; put a .gguf file there, or fetch one with: odysseus pull NAME"));
        return 0;
    }
    system::Table table(
        {"model", "size", "fits", "context", "trained for", "cache a token", "answers to"});
    for (std::size_t i = 0; i < catalog.models.size(); ++i) {
        const auto& model = catalog.models[i];
        const auto& fit = fitted.fits[i];
        table.add({model.id, byte_text(model.size_bytes), std::string(memory::fits_name(fit.fits)),
                   count_text(fit.context.tokens), or_dash(model.trained_context, count_text),
                   or_dash(memory::kv_bytes_per_token(model.kv), byte_text),
                   joined(model.names, ", ")});
    }
    system::print(table.text());
    say_stored(catalog.models);
    return 0;
}

} // namespace odysseus::commands
