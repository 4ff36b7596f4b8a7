#include "odysseus/commands/greeting.hpp"

#include "open_choice.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/base/version.hpp"
#include "odysseus/models/toy_model.hpp"
#include "odysseus/system/browser.hpp"
#include "odysseus/system/environment.hpp"
#include "odysseus/system/terminal.hpp"

namespace odysseus::commands {

std::string url_of(const settings::Settings& settings, int port) {
    const auto& host = settings.host;
    const char* scheme = settings.tls_cert.empty() ? "http://" : "https://";
    const bool ipv6 = host.find(':') != std::string::npos;
    const std::string shown = host == "0.0.0.0" ? "127.0.0.1" : host == "::" ? "::1" : host;
    return ipv6 ? concat(scheme, '[', shown, "]:", port) : concat(scheme, shown, ':', port);
}

void say_what_has_no_effect(const settings::Settings& settings) {
    if (settings.per_model_context)
        system::say("note", "--per-model-context has no effect any more: each model has its own "
                            "context");
}

void say_first_lines(const Plan& plan, bool first_run) {
    const auto tokens = concat(plan.context.tokens, " tokens of context");
    if (first_run) {
        system::say("machine", machine_line(plan.hardware));
        if (plan.build)
            system::say("build", plan.build->tag.empty()
                                     ? std::string("your own llama-server (--llama-server)")
                                     : concat("llama.cpp ", plan.build->tag));
        system::say("models", models_line(plan.models));
        system::say("context", concat(plan.context.tokens, " tokens (odysseus plan says why)"));
    } else {
        system::say("odysseus", concat(version(), ", ", device_line(plan.hardware)));
        system::say("models", concat(models_line(plan.models), "; ", tokens));
    }
    for (const auto& warning : plan.hardware.warnings)
        system::say("", warning);
    for (const auto& finding : plan.findings)
        system::say("", finding);
}

void say_ready(const std::string& url, const Plan& plan, bool first_run) {
    if (first_run) {
        system::say("ready", concat("open ", url, "/odysseus"));
        system::say("", concat("API  ", url, "/v1     Ctrl-C stops"));
    } else {
        system::say("ready", concat(url, "/odysseus  (API at /v1; Ctrl-C stops)"));
    }
    const auto& models = plan.models;
    if (models.size() == 1 && models.front().id == models::k_toy_model_name)
        system::say("no model", "The toy answers with random words. Get a real model on the page.");
}

void open_page(const std::string& url, const settings::Settings& settings, bool first_run) {
    OpenFacts facts;
    facts.wish = settings.open;
    facts.first_run = first_run;
    facts.at_terminal = system::can_ask();
    facts.has_desktop = system::has_desktop();
    facts.in_ci = system::environment_value("CI").has_value();
    const auto opening = opening_of(facts);
    if (opening == Opening::no) return;
    const auto page = concat(url, "/odysseus");
    if (opening == Opening::yes && system::open_in_browser(page)) return;
    if (settings.open)
        system::say("note", concat("there is no browser here to open ", page, " in (--open)"));
}

} // namespace odysseus::commands
