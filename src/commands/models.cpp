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

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

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

// By name, small and capital letters alike; --long also shows what only experts look for.
void print_table(const std::vector<models::Model>& models,
                 const std::vector<memory::ModelFit>& fits, bool whole) {
    std::vector<std::size_t> order(models.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return lowered(models[a].id) < lowered(models[b].id);
    });
    std::vector<std::string> head{"name", "size", "fits", "context"};
    for (const char* more : {"trained for", "cache a token", "file", "answers to"}) {
        if (whole || std::string_view(more) == "file") head.emplace_back(more);
    }
    system::Table table(std::move(head));
    for (const auto at : order) {
        const auto& model = models[at];
        const auto& fit = fits[at];
        std::vector<std::string> row{
            model.names.empty() ? model.id : model.names.front(), byte_text(model.size_bytes),
            std::string(memory::fits_name(fit.fits)), count_text(fit.context.tokens)};
        if (whole) {
            row.push_back(or_dash(model.trained_context, count_text));
            row.push_back(or_dash(memory::kv_bytes_per_token(model.kv), byte_text));
        }
        row.push_back(model.id);
        if (whole) row.push_back(joined(model.names, ", "));
        table.add(std::move(row));
    }
    if (whole) {
        system::print(table.text());
    } else {
        table.print();
    }
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
    print_table(catalog.models, fitted.fits, line.has("--long"));
    say_stored(catalog.models);
    return 0;
}

} // namespace odysseus::commands
