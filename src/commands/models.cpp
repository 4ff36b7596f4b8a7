#include "odysseus/base/text.hpp"
#include "odysseus/commands/commands.hpp"
#include "odysseus/commands/plan_report.hpp"
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

std::string count_text(std::int64_t count) {
    return std::to_string(count);
}

} // namespace

int models(const settings::CommandLine& line, const settings::ResolvedSettings& settings) {
    models::ModelScan scan(system::path_from_utf8(settings.values.models_dir),
                           settings::home_of(settings.values).pulled());
    const auto catalog = scan.catalog();
    for (const auto& finding : catalog.findings)
        system::say("note", finding);
    if (line.has("--json")) {
        const nlohmann::ordered_json document{{"models_dir", settings.values.models_dir},
                                              {"models", models_json(catalog.models)},
                                              {"findings", catalog.findings}};
        system::print(document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
                      "\n");
        return 0;
    }
    if (catalog.models.empty()) {
        system::say("models",
                    concat("none in ", settings.values.models_dir,
                           "; put a .gguf file there, or fetch one with: odysseus pull NAME"));
        return 0;
    }
    system::Table table({"model", "size", "trained for", "cache a token", "answers to"});
    for (const auto& model : catalog.models) {
        table.add(
            {model.id, byte_text(model.size_bytes), or_dash(model.trained_context, count_text),
             or_dash(memory::kv_bytes_per_token(model.kv), byte_text), joined(model.names, ", ")});
    }
    system::print(table.text());
    return 0;
}

} // namespace odysseus::commands
