#include "odysseus/commands/commands.hpp"
#include "odysseus/system/terminal.hpp"
#include "odysseus/base/text.hpp"

#include <nlohmann/json.hpp>

namespace odysseus::front {
namespace {

std::string shown(const SettingSpec& spec, const RawValue& value) {
    if (!spec.secret || value.text.empty()) return value.text;
    return cat("(", split(value.text, ',').size(), " set)");
}

} // namespace

int config(const io::CommandLine& line, const io::ResolvedSettings& settings) {
    nlohmann::ordered_json document = nlohmann::ordered_json::array();
    io::Table table({"setting", "value", "from", "environment", "flag"});
    for (const auto& spec : setting_specs()) {
        const auto& value = settings.raw.at(spec.id);
        const std::string origin = origin_name(value.origin);
        const std::string from = value.origin == Origin::file ? value.where : origin;
        table.add({spec.id, shown(spec, value), from, spec.environment, spec.flag});
        document.push_back(
            {{"name", spec.id},
             {"value", shown(spec, value)},
             {"origin", origin},
             {"where", value.where},
             {"flag", spec.flag},
             {"environment", spec.environment},
             {"file_key", spec.file_key != nullptr ? nlohmann::ordered_json(spec.file_key)
                                                   : nlohmann::ordered_json()},
             {"default", spec.fallback}});
    }
    if (line.has("--json")) {
        io::print(nlohmann::ordered_json{{"settings", document}}.dump(2) + "\n");
    } else {
        table.print();
    }
    return 0;
}

} // namespace odysseus::front
