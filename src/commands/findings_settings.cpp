#include "findings_settings.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/settings/settings.hpp"

namespace odysseus::commands {

void look_at_settings(const DoctorFacts& facts, std::vector<Finding>& findings) {
    std::vector<std::string> known;
    for (const auto& spec : settings::setting_specs()) {
        if (spec.file_key != nullptr) known.emplace_back(spec.file_key);
    }
    for (const auto& key : facts.unknown_keys) {
        const auto near = nearest(key, known, 1);
        // The file is shared with other launchers: a key that is near to none is theirs.
        findings.push_back({near.empty() ? Severity::notes : Severity::warns, "unknown_setting",
                            concat("launcher_config.json has the key '", key,
                                   "', which is no setting of odysseus."),
                            near.empty() ? "" : concat("Did you mean ", near.front(), "?")});
    }
}

void look_at_llama_config(const DoctorFacts& facts, std::vector<Finding>& findings) {
    if (!facts.llama_config) return;
    const auto& [path, holding] = *facts.llama_config;
    if (holding.empty()) {
        findings.push_back({Severity::notes, "llama_config_file",
                            concat("llama-server also reads ", path,
                                   "; odysseus overrules what would part the two."),
                            "Settings that are to reach llama-server are safer behind --."});
        return;
    }
    findings.push_back({Severity::warns, "llama_config_file",
                        concat("llama-server also reads ", path, ", and odysseus cannot overrule ",
                               joined(holding, ", "), " there: every model is served with that."),
                        "Take these lines out of the file, or move it away."});
}

} // namespace odysseus::commands
