#include "odysseus/base/text.hpp"
#include "odysseus/commands/commands.hpp"
#include "odysseus/system/paths.hpp"
#include "odysseus/system/terminal.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace odysseus::commands {
namespace {

std::string shown(const settings::SettingSpec& spec, const settings::RawValue& value) {
    if (spec.path) {
        auto text = value.text;
        std::replace(text.begin(), text.end(), settings::list_separator(spec),
                     system::path_list_separator());
        return text;
    }
    if (!spec.secret || value.text.empty()) return value.text;
    if (spec.secret_from == 0) return concat("(", split(value.text, ',').size(), " set)");
    std::vector<std::string> items;
    for (const auto item : split(value.text, ',')) {
        const auto open = item.substr(0, item.find(spec.secret_from));
        items.push_back(open.size() == item.size() ? std::string(item)
                                                   : concat(open, spec.secret_from, "(set)"));
    }
    return joined(items, ",");
}

} // namespace

int config(const settings::CommandLine& line, const settings::ResolvedSettings& settings) {
    nlohmann::ordered_json document = nlohmann::ordered_json::array();
    system::Table table({"setting", "value", "from", "environment", "flag"});
    for (const auto& spec : settings::setting_specs()) {
        const auto& value = settings.raw.at(spec.id);
        const std::string origin = settings::origin_name(value.origin);
        const std::string from = value.origin == settings::Origin::file ? value.where : origin;
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
        system::print(nlohmann::ordered_json{{"settings", document}}.dump(2) + "\n");
    } else {
        table.print();
    }
    return 0;
}

} // namespace odysseus::commands
