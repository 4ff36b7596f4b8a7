#include "doctor_facts.hpp"
#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/base/version.hpp"
#include "odysseus/commands/launch_steps.hpp"
#include "odysseus/commands/model_fits.hpp"
#include "odysseus/commands/plan_report.hpp"
#include "odysseus/download/url.hpp"
#include "odysseus/hardware/machine_json.hpp"
#include "odysseus/models/model_catalog.hpp"
#include "odysseus/system/environment.hpp"
#include "odysseus/system/files.hpp"
#include "paired_file.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace odysseus::commands {

namespace fs = std::filesystem;

namespace {

constexpr std::streamoff k_log_tail_bytes = std::streamoff{1} << 18;
constexpr std::size_t k_logs_max = 12;

std::string dumped(const nlohmann::ordered_json& json) {
    return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string settings_text(const settings::RawSettings& raw) {
    auto list = nlohmann::ordered_json::array();
    for (const auto& spec : settings::setting_specs()) {
        const auto found = raw.find(spec.id);
        if (found == raw.end()) continue;
        const auto& value = found->second;
        const bool hidden = spec.secret && !value.text.empty();
        list.push_back({{"name", spec.id},
                        {"value", hidden ? "(set)" : value.text},
                        {"origin", settings::origin_name(value.origin)}});
    }
    return dumped(list);
}

std::string plan_text_of(const settings::Settings& settings,
                         const std::vector<std::string>& llama_args, const DoctorFacts& facts) {
    Plan plan;
    plan.hardware = facts.machine;
    plan.models = facts.models;
    plan.findings = facts.model_findings;
    if (facts.build) {
        plan.hardware.backend = facts.build->backend;
        plan.build = PlannedBuild{facts.build->name, "", true, {}, ""};
    } else {
        plan.build_trouble = "none is installed";
    }
    const auto home = settings::home_of(settings);
    const memory::ContextRecord record(home, settings, plan.hardware, "");
    const auto rules =
        with_companions(fit_rules(settings, plan.hardware, llama_args, plan.build), plan.models);
    take(plan, fitted_models(rules, plan.models, record));
    plan.argv = server::launch_arguments(launch_plan_for(
        settings, home, plan.hardware, {plan.context.tokens, plan.without_gpu, plan.models_max},
        settings.llama_port, llama_args));
    return plan_json(plan);
}

// The end of a log, from the first whole line on.
std::string tail_of(const fs::path& file) {
    std::ifstream in(file, std::ios::binary | std::ios::ate);
    const auto size = static_cast<std::streamoff>(in.tellg());
    if (!in || size <= 0) return "";
    const auto begin = std::max<std::streamoff>(0, size - k_log_tail_bytes);
    in.seekg(begin);
    std::string text(static_cast<std::size_t>(size - begin), '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (begin > 0) text.erase(0, text.find('\n') + 1);
    return text;
}

std::vector<TarMember> log_tails(const fs::path& logs, RedactRules rules) {
    rules.begins_inside = true;
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator entry(logs, error), end; !error && entry != end;
         entry.increment(error)) {
        if (entry->is_regular_file(error)) files.push_back(entry->path());
    }
    std::sort(files.begin(), files.end());
    files.resize(std::min(files.size(), k_logs_max));
    std::vector<TarMember> members;
    members.reserve(files.size());
    for (const auto& file : files)
        members.push_back(
            {"logs/" + system::utf8(file.filename()), redacted(tail_of(file), rules)});
    return members;
}

void add_secret(RedactRules& rules, std::string_view value) {
    if (!trimmed(value).empty()) rules.secrets.emplace_back(trimmed(value));
}

} // namespace

RedactRules redact_rules(const settings::Settings& settings,
                         const std::vector<std::string>& llama_args) {
    RedactRules rules;
    for (const auto& key : settings.api_keys)
        add_secret(rules, key);
    try {
        for (const auto& machine : paired_with(settings)) {
            add_secret(rules, machine.key);
            add_secret(rules, machine.accepts);
        }
    } catch (const Error&) { // damaged: doctor says so
    }
    for (const auto& peer : settings.peers) {
        if (const auto hash = peer.find('#'); hash != std::string::npos)
            add_secret(rules, std::string_view(peer).substr(hash + 1));
    }
    for (const char* name : {"HF_TOKEN", "GITHUB_TOKEN", "GH_TOKEN", "LLAMA_API_KEY",
                             "HUGGING_FACE_HUB_TOKEN", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"}) {
        if (const auto value = system::environment_value(name)) add_secret(rules, *value);
    }
    for (const char* name :
         {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"}) {
        const auto url = download::parsed_url(system::environment_value(name).value_or(""));
        if (!url) continue;
        add_secret(rules, url->user);
        const auto colon = url->user.find(':');
        if (colon != std::string::npos) add_secret(rules, url->user.substr(colon + 1));
    }
    // llama-server's own: --api-key K, --api-key=K, -hft T, --hf-token T
    for (std::size_t i = 0; i < llama_args.size(); ++i) {
        const auto& arg = llama_args[i];
        const bool named = arg.find("key") != std::string::npos ||
                           arg.find("token") != std::string::npos || arg == "-hft";
        if (!named || !arg.starts_with('-')) continue;
        const auto equals = arg.find('=');
        if (equals != std::string::npos) {
            add_secret(rules, std::string_view(arg).substr(equals + 1));
        } else if (i + 1 < llama_args.size()) {
            add_secret(rules, llama_args[i + 1]);
        }
    }
    for (const char* name : {"HOME", "USERPROFILE"}) {
        if (rules.home_folder.empty())
            rules.home_folder = system::environment_value(name).value_or("");
    }
    return rules;
}

std::vector<TarMember> bundle_members(const settings::ResolvedSettings& settings,
                                      const std::vector<std::string>& llama_args,
                                      const DoctorFacts& facts,
                                      const std::vector<Finding>& findings) {
    const auto rules = redact_rules(settings.values, llama_args);
    std::vector<TarMember> members{
        {"README.txt",
         concat("Support archive of odysseus ", version(),
                ".\nKeys, tokens and what was said with models are taken out, as far as a program "
                "can tell.\nLook through it before you give it to somebody.\n")},
        {"findings.txt", findings_text(findings)},
        {"findings.json", dumped(findings_json(findings))},
        {"plan.json", plan_text_of(settings.values, llama_args, facts)},
        {"hardware.json", dumped(hardware::machine_json(facts.machine))},
        {"settings.json", settings_text(settings.raw)},
    };
    for (auto& member : members)
        member.content = redacted(member.content, rules);
    auto logs = log_tails(settings::home_of(settings.values).logs(), rules);
    std::move(logs.begin(), logs.end(), std::back_inserter(members));
    return members;
}

} // namespace odysseus::commands
