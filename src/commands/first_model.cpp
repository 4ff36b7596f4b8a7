#include "odysseus/commands/first_model.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/memory/context_choice.hpp"
#include "odysseus/models/model_scan.hpp"
#include "odysseus/models/starter.hpp"
#include "odysseus/settings/home.hpp"
#include "odysseus/system/environment.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/terminal.hpp"

#include <algorithm>
#include <memory>

namespace odysseus::commands {

using system::utf8;

namespace {

std::optional<std::string> token_from_environment() {
    // The second name is the one that the hub's own tools had before.
    const char* name = "HF_TOKEN";
    auto value = system::environment_value(name).value_or("");
    if (trimmed(value).empty()) {
        name = "HUGGING_FACE_HUB_TOKEN";
        value = system::environment_value(name).value_or("");
    }
    const auto token = trimmed(value);
    if (token.empty()) return std::nullopt;
    // It goes into a header: a line break in it would begin another one.
    const bool plain = std::all_of(token.begin(), token.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte > 0x20 && byte < 0x7f;
    });
    if (plain) return std::string(token);
    throw Error(Fault::usage, concat(name, " holds a space or a control character, so it is no "
                                           "token; copy it again from the hub's settings"));
}

void say_plan(const models::PullPlan& plan, const models::PullOptions& options) {
    system::say("model", plan.title);
    system::say("choice", plan.reason);
    if (plan.token_refused) {
        system::say("note", concat("the hub refuses the token in HF_TOKEN (it has expired, or was "
                                   "revoked); this model needs none, so it is left out. Make a new "
                                   "one at ",
                                   options.hub, "/settings/tokens, or unset HF_TOKEN"));
    }
    if (plan.complete()) return;
    if (!plan.with_digests) {
        system::say("note",
                    "the server gives no digest for it, so only its length and its beginning "
                    "are checked");
    }
    const bool known = plan.missing_bytes > 0;
    system::say("fetch", concat(known ? byte_text(plan.missing_bytes) + " to " : "to ",
                                system::utf8(plan.folder)));
}

models::ModelScan scan_of(const models::PullOptions& options) {
    models::ModelScan scan(options.models_dir, options.origins);
    scan.also(options.more_models_dirs);
    return scan;
}

void say_names(const models::PullPlan& plan, const models::PullOptions& options) {
    const auto first = system::utf8(plan.files.front().to);
    const auto catalog = scan_of(options).catalog();
    for (const auto& model : catalog.models) {
        const bool found = model.path == first ||
                           std::any_of(plan.files.begin(), plan.files.end(), [&](const auto& file) {
                               return model.path == utf8(file.to);
                           });
        if (!found) continue;
        system::say(plan.complete() ? "there" : "done",
                    concat(plan.complete() ? "it is there already, whole; it answers to "
                                           : "it answers to ",
                           joined(model.names, ", ")));
        return;
    }
    system::say("note", concat("it is in ", system::utf8(plan.folder),
                               ", but it is no model that can be used; see: odysseus models"));
}

} // namespace

models::PullOptions pull_options(const settings::Settings& settings,
                                 const hardware::Machine& machine, std::function<bool()> stopped) {
    models::PullOptions options;
    options.models_dir = system::path_from_utf8(settings.models_dir);
    for (const auto& folder : settings.more_models_dirs)
        options.more_models_dirs.push_back(system::path_from_utf8(folder));
    options.lock_file = system::path_from_utf8(settings.home) / "data" / "pull.lock";
    options.origins = settings::home_of(settings).pulled();
    options.hub = settings.hf_endpoint;
    options.token = token_from_environment();
    options.offline = settings.offline;
    options.room = memory::model_room(machine);
    options.with_gpu = machine.backend != Backend::cpu;
    options.http.stopped = std::move(stopped);
    options.on_check = [](const std::string& file) {
        system::say("check", concat("reading ", file, " to compare its digest"));
    };
    return options;
}

models::PullPlan pull_shown(const std::string& name, const models::PullOptions& options) {
    auto plan = models::plan_pull(name, options);
    say_plan(plan, options);
    std::unique_ptr<system::ProgressBar> bar;
    models::PullEvents events;
    events.on_file = [&](const models::PullFile& file) {
        bar = std::make_unique<system::ProgressBar>(system::utf8(file.to.filename()));
    };
    events.on_progress = [&](const download::FetchProgress& progress) {
        bar->update(progress.bytes, progress.total);
    };
    events.on_file_done = [&] {
        bar->finish();
        bar.reset();
    };
    models::run_pull(plan, options, events);
    bar.reset();
    say_names(plan, options);
    return plan;
}

void fetch_first_model(const models::PullOptions& options) {
    if (options.offline || !system::can_ask()) return;
    if (!scan_of(options).catalog().models.empty()) return;
    const auto ask = [&options](const std::string& question) {
        return system::ask(question, options.http.stopped);
    };
    const auto name = models::offer_starter_models(options.room, options.with_gpu, ask);
    if (!name) return;
    try {
        pull_shown(*name, options);
    } catch (const Stopped&) {
        throw;
    } catch (const Error& error) {
        const std::string_view what = error.what();
        system::say("model", concat(what, what.ends_with('?') ? " Starting" : ". Starting",
                                    " with the toy; later: odysseus pull ", *name));
    }
}

} // namespace odysseus::commands
