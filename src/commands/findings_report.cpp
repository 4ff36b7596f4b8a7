// Findings as JSON and as text, and the list of all there can be.
#include "findings.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/base/wrap.hpp"

#include <nlohmann/json.hpp>

namespace odysseus::commands {

const std::vector<const char*>& finding_codes() {
    static const std::vector<const char*> codes{"home_read_only",
                                                "build_changed",
                                                "no_space",
                                                "little_space",
                                                "no_links",
                                                "unknown_setting",
                                                "peer_setting",
                                                "peer_unreachable",
                                                "peer_in_the_clear",
                                                "peer_answers",
                                                "worker_setting",
                                                "worker_unreachable",
                                                "worker_answers",
                                                "llama_config_file",
                                                "clock",
                                                "proxy",
                                                "proxy_malformed",
                                                "proxy_for_loopback",
                                                "host_unreachable",
                                                "old_libc",
                                                "no_build",
                                                "build_does_not_run",
                                                "known_bad_build",
                                                "insecure_build",
                                                "better_build",
                                                "old_driver",
                                                "gpu_not_used",
                                                "gpu_not_seen",
                                                "hardware",
                                                "models_folder",
                                                "no_model",
                                                "model_too_large",
                                                "model_partly_in_ram",
                                                "threads",
                                                "port_taken",
                                                "already_running",
                                                "leftover_process",
                                                "leftover_download",
                                                "leftover_installation"};
    return codes;
}

const char* severity_name(Severity severity) {
    switch (severity) {
    case Severity::blocks: return "blocks";
    case Severity::warns: return "warns";
    case Severity::notes: return "notes";
    }
    return "";
}

nlohmann::ordered_json findings_json(const std::vector<Finding>& findings) {
    auto list = nlohmann::ordered_json::array();
    for (const auto& finding : findings) {
        list.push_back(
            {{"severity", severity_name(finding.severity)},
             {"code", finding.code},
             {"what", finding.what},
             {"remedy", finding.remedy.empty() ? nlohmann::ordered_json()
                                               : nlohmann::ordered_json(finding.remedy)}});
    }
    const int code = doctor_exit_code(findings);
    return {{"ok", code == 0}, {"exit_code", code}, {"findings", list}};
}

std::string findings_text(const std::vector<Finding>& findings, std::size_t columns) {
    constexpr std::size_t k_label_cells = 10;
    const auto row = [&](std::string label, const std::string& sentence) {
        label.resize(k_label_cells, ' ');
        return wrapped(label + sentence, columns, k_label_cells, 0) + '\n';
    };
    std::string text;
    std::size_t blocking = 0;
    for (const auto& finding : findings) {
        const bool blocks = finding.severity == Severity::blocks;
        if (blocks) ++blocking;
        text += row(blocks                                ? "problem"
                    : finding.severity == Severity::warns ? "warning"
                                                          : "note",
                    finding.what);
        if (!finding.remedy.empty()) text += row("", finding.remedy);
    }
    if (findings.empty()) return "Nothing wrong was found.\n";
    if (blocking == 0) return text + "\nodysseus can start.\n";
    return text + concat("\n", blocking, blocking == 1 ? " problem" : " problems",
                         " must be solved first.\n");
}

} // namespace odysseus::commands
