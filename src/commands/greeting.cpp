#include "odysseus/commands/greeting.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/base/version.hpp"
#include "odysseus/models/toy_model.hpp"
#include "odysseus/system/terminal.hpp"

namespace odysseus::commands {

std::string url_of(const std::string& host, int port) {
    const bool ipv6 = host.find(':') != std::string::npos;
    const std::string shown = host == "0.0.0.0" ? "127.0.0.1" : host == "::" ? "::1" : host;
    return ipv6 ? concat("http://[", shown, "]:", port) : concat("http://", shown, ":", port);
}

void say_first_lines(const Plan& plan, bool first_run) {
    if (first_run) {
        system::say("machine", machine_line(plan.hardware));
        for (const auto& note : plan.hardware.notes)
            system::say("", note);
        if (plan.build) {
            system::say("build",
                        concat("llama.cpp ",
                               plan.build->tag.empty() ? plan.build->source : plan.build->tag,
                               plan.build->reason.empty() ? "" : ": ", plan.build->reason));
        }
        system::say("models", models_line(plan.models));
        for (const auto& finding : plan.findings)
            system::say("", finding);
        system::say("context", plan.context.reason);
        return;
    }
    system::say("odysseus", concat(version(), " on ", machine_line(plan.hardware)));
    system::say("models",
                concat(models_line(plan.models), "; ", plan.context.tokens, " tokens of context"));
}

void say_toy(const settings::Settings& settings, const std::vector<models::Model>& models) {
    if (models.size() != 1 || models.front().id != models::k_toy_model_name) return;
    system::say("toy",
                concat(models::k_toy_model_name,
                       " has random weights, so its answers are noise; put a .gguf file into ",
                       settings.models_dir, " or fetch one: odysseus pull NAME"));
}

void say_ready(const std::string& url, const Plan& plan, bool first_run) {
    system::say("ready", concat(url, "  (a page for people: ", url, "/odysseus; Ctrl-C stops)"));
    if (!first_run || plan.models.empty()) return;
    const auto& model = plan.models.front();
    system::say(
        "try it",
        concat("curl ", url,
               "/v1/chat/completions -H 'Content-Type: application/json' -d '{\"model\": \"",
               model.names.empty() ? model.id : model.names.front(),
               "\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'"));
}

} // namespace odysseus::commands
