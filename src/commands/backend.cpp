#include "saved_arguments.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/builds/build_check.hpp"
#include "odysseus/commands/commands.hpp"
#include "odysseus/commands/launch_steps.hpp"
#include "odysseus/commands/server_choice.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/stop_signal.hpp"
#include "odysseus/system/terminal.hpp"

#include <nlohmann/json.hpp>

namespace odysseus::commands {
namespace {

void list(const settings::CommandLine& line, const builds::BuildStore& store) {
    auto document = nlohmann::ordered_json::array();
    system::Table table({"", "build", "tag", "computes on", "from", "installed"});
    for (const auto& build : store.list()) {
        const auto& manifest = build.manifest;
        const char* mark = build.current ? "*" : build.previous ? "-" : "";
        table.add({mark, build.id, manifest.tag, std::string(backend_title(manifest.backend)),
                   manifest.source, manifest.installed_at});
        document.push_back({{"id", build.id},
                            {"tag", manifest.tag},
                            {"backend", backend_name(manifest.backend)},
                            {"source", manifest.source},
                            {"installed_at", manifest.installed_at},
                            {"current", build.current},
                            {"previous", build.previous},
                            {"path", system::utf8(build.server)},
                            {"devices", manifest.devices},
                            {"reason", manifest.reason}});
    }
    if (line.has("--json")) {
        system::print(nlohmann::ordered_json{{"builds", document}}.dump(2) + "\n");
    } else if (document.empty()) {
        system::say("backend", concat("no build is installed in ", system::utf8(store.folder()),
                                      "; odysseus backend install fetches one"));
    } else {
        system::print(table.text());
    }
}

void said(const builds::InstalledBuild& build) {
    system::say("backend", concat("now in use: ", build.id, " (", system::utf8(build.server), ")"));
    if (!build.manifest.reason.empty()) system::say("", build.manifest.reason);
}

[[noreturn]] void refuse(const std::string& action) {
    const auto near = nearest(action, {"list", "install", "use", "rollback", "import"}, 1);
    throw Error(Fault::usage,
                concat("there is no 'odysseus backend ", action, "'.",
                       near.empty() ? "" : concat(" Did you mean ", near.front(), "?"),
                       " It can be: list, install [TAG], use TAG, rollback, import FILE|DIR"));
}

// The tag goes into an address and into a folder's name.
void check_tag(const std::string& tag) {
    if (settings::is_release_name(tag)) return;
    throw Error(
        Fault::usage,
        concat("'", tag, "' is an unknown release: use stable, nightly or a tag such as b11146"));
}

void check_there(const std::filesystem::path& from) {
    std::error_code error;
    if (std::filesystem::exists(from, error)) return;
    throw Error(Fault::usage,
                concat("there is no ", system::utf8(from),
                       "; odysseus backend import takes a llama.cpp release's archive "
                       "(.tar.gz, .tar.xz, .zip) or a folder that holds llama-server"));
}

const std::string& word_of(const settings::CommandLine& line, const char* what) {
    if (line.words.size() < 2) {
        throw Error(Fault::usage, concat("odysseus backend ", line.words.front(), " needs ", what));
    }
    return line.words[1];
}

// A build in the store, before it is used.
void try_on(const std::optional<builds::InstalledBuild>& build,
            const std::vector<std::string>& arguments) {
    if (!build) return; // which is told with the names of those there are
    const auto& manifest = build->manifest;
    try_arguments(build->server,
                  builds::library_folders(build->server, manifest.library_path, manifest.backend),
                  arguments);
}

} // namespace

int backend(const settings::CommandLine& line, const settings::ResolvedSettings& resolved) {
    auto settings = resolved.values;
    const auto& action = line.words.front();
    const bool takes_word = action == "install" || action == "use" || action == "import";
    if (line.words.size() > 1 && !takes_word) {
        throw Error(Fault::usage, concat("odysseus backend ", action, " takes nothing more; '",
                                         line.words[1], "' is too much"));
    }
    if (!takes_word && action != "list" && action != "rollback") refuse(action);
    const system::StopSignal stop;
    const auto stopped = [&stop] { return stop.asked(); };
    const auto machine = machine_for(settings);
    auto store = store_for(settings, machine);
    if (action == "install" || action == "import") make_folders(resolved, {store.folder()});
    const auto arguments =
        line.llama_args.empty() ? saved_arguments(settings::home_of(settings)) : line.llama_args;
    const builds::StoreWait wait{std::chrono::minutes(10),
                                 [](const auto& sentence) { system::say("wait", sentence); },
                                 stopped};

    if (action == "list") {
        list(line, store);
    } else if (action == "install") {
        if (line.words.size() > 1) settings.release = line.words[1];
        check_tag(settings.release);
        said(install_release(settings, machine, stopped, arguments));
    } else if (action == "use") {
        const auto& tag = word_of(line, "a TAG, as odysseus backend list shows them");
        try_on(store.find(tag), arguments);
        said(store.use(tag, wait));
    } else if (action == "rollback") {
        said(store.rollback(wait));
    } else if (action == "import") {
        const auto from = std::filesystem::absolute(system::path_from_utf8(
            word_of(line, "an archive (.tar.gz, .tar.xz, .zip) or a folder")));
        check_there(from);
        said(builds::import_build(store, from, install_options(release_source(settings, stopped))));
    }
    return 0;
}

} // namespace odysseus::commands
