#include "doctor_facts.hpp"
#include "odysseus/commands/commands.hpp"
#include "odysseus/commands/launch_steps.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/terminal.hpp"

#include <ctime>
#include <nlohmann/json.hpp>

namespace odysseus::commands {
namespace {

std::filesystem::path bundle_file(const settings::Settings& settings) {
    const auto now = std::time(nullptr);
    char text[32] = "now";
    if (const auto* utc = std::gmtime(&now)) {
        std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", utc);
    }
    return system::path_from_utf8(settings.home) / "data" /
           (std::string("support-") + text + ".tar.gz");
}

} // namespace

int doctor(const settings::CommandLine& line, const settings::ResolvedSettings& settings) {
    const auto facts = doctor_facts(settings.values, machine_for(settings.values));
    const auto findings = findings_of(facts);
    std::string bundle;
    if (line.has("--bundle")) {
        const auto file = bundle_file(settings.values);
        std::filesystem::create_directories(file.parent_path());
        write_tar_gz(file, bundle_members(settings, line.llama_args, facts, findings));
        bundle = system::utf8(file);
    }
    if (line.has("--json")) {
        auto document = findings_json(findings);
        if (!bundle.empty()) document["bundle"] = bundle;
        system::print(document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
                      "\n");
    } else {
        system::print(findings_text(findings, system::output_columns()));
        if (!bundle.empty()) {
            system::say("bundle", bundle + "; look through it before you give it to somebody");
        }
    }
    return doctor_exit_code(findings);
}

} // namespace odysseus::commands
