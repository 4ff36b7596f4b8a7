#include "build_news_text.hpp"
#include "odysseus/commands/build_news.hpp"
#include "saved_arguments.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/builds/attestation.hpp"
#include "odysseus/builds/build_check.hpp"
#include "odysseus/builds/known_builds.hpp"
#include "odysseus/commands/commands.hpp"
#include "odysseus/commands/launch_steps.hpp"
#include "odysseus/commands/server_choice.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/stop_signal.hpp"
#include "odysseus/system/terminal.hpp"

#include <nlohmann/json.hpp>

namespace odysseus::commands {
namespace {

// How anybody can check who made the archives that a build was unpacked from.
std::vector<std::string> verify_lines(const builds::BuildManifest& manifest) {
    std::vector<std::string> lines;
    if (manifest.source != builds::k_upstream_repo || !builds::has_attestation(manifest.tag))
        return lines;
    for (const auto& file : manifest.archives)
        lines.push_back(builds::attestation_command(file.name));
    return lines;
}

void say_how_to_verify(const builds::BuildManifest& manifest) {
    const auto lines = verify_lines(manifest);
    if (lines.empty()) return;
    system::say("verify", manifest.attested
                              ? "gh has verified the attestation when it was installed; again:"
                              : "where gh is installed, this is done with every installation; by "
                                "hand, beside the archive of the release:");
    for (const auto& one : lines)
        system::say("", one);
}

void list(const settings::CommandLine& line, const builds::BuildStore& store) {
    auto document = nlohmann::ordered_json::array();
    system::Table table({"", "build", "tag", "computes on", "from", "installed", "attested"});
    const builds::InstalledBuild* current = nullptr;
    const auto all = store.list();
    for (const auto& build : all) {
        if (build.current) current = &build;
        const auto& manifest = build.manifest;
        const char* mark = build.current ? "*" : build.previous ? "-" : "";
        table.add({mark, build.id, manifest.tag, std::string(backend_title(manifest.backend)),
                   manifest.source, manifest.installed_at, manifest.attested ? "yes" : "-"});
        document.push_back({{"id", build.id},
                            {"tag", manifest.tag},
                            {"backend", backend_name(manifest.backend)},
                            {"source", manifest.source},
                            {"installed_at", manifest.installed_at},
                            {"current", build.current},
                            {"previous", build.previous},
                            {"path", system::utf8(build.server)},
                            {"devices", manifest.devices},
                            {"attested", manifest.attested},
                            {"verify", verify_lines(manifest)},
                            {"reason", manifest.reason}});
    }
    if (line.has("--json")) {
        system::print(nlohmann::ordered_json{{"builds", document}}.dump(2) + "\n");
    } else if (document.empty()) {
        system::say("backend", concat("no build is installed in ", system::utf8(store.folder()),
                                      "; odysseus backend install fetches one"));
    } else {
        system::print(table.text());
        if (current != nullptr) say_how_to_verify(current->manifest);
    }
}

void said(const builds::InstalledBuild& build) {
    system::say("backend", concat("now in use: ", build.id, " (", system::utf8(build.server), ")"));
    if (!build.manifest.reason.empty()) system::say("", build.manifest.reason);
}

// The newest release in place of the one in use, when there is a newer one.
void update(const settings::Settings& settings, const hardware::Machine& machine,
            const builds::BuildStore& store, const std::function<bool()>& stopped,
            const std::vector<std::string>& arguments) {
    if (settings.offline)
        throw Error(Fault::network, "odysseus backend update asks the network what is new, and "
                                    "--offline forbids that; start it without --offline");
    const auto current = store.current();
    const auto newest = newest_build(settings, machine, stopped);
    if (current) {
        const auto& tag = current->manifest.tag;
        const bool is_bad = newest.tag != tag && builds::known_fault(tag, machine);
        const bool came =
            better_build_now(
                settings, machine,
                {current->manifest.source, tag, true, {}, {}, current->manifest.backend})
                .has_value();
        if (!is_newer(newest.tag, tag) && !is_bad && !came) {
            system::say("backend", concat(tag, " is in use; there is nothing newer (",
                                          settings.release, ": ", newest.tag, ")"));
            return;
        }
        if (newest.tag != tag) {
            system::say("update", concat("llama.cpp ", newest.tag, " instead of ", tag,
                                         "; what is new: ", what_is_new(tag, newest.tag)));
        }
    }
    said(install_release(settings, machine, stopped, arguments));
    if (current) system::say("", "odysseus backend rollback goes back");
}

[[noreturn]] void refuse(const std::string& action) {
    const auto near =
        nearest(action, {"list", "install", "update", "use", "rollback", "import"}, 1);
    throw Error(
        Fault::usage,
        concat("there is no 'odysseus backend ", action, "'.",
               near.empty() ? "" : concat(" Did you mean ", near.front(), "?"),
               " It can be: list, install [TAG], update, use TAG, rollback, import FILE|DIR"));
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
        throw Error(Fault::usage, concat("backend ", line.words.front(), " needs ", what));
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
        throw Error(Fault::usage, concat("backend ", action, " takes no '", line.words[1], "'"));
    }
    if (!takes_word && action != "list" && action != "rollback" && action != "update")
        refuse(action);
    const system::StopSignal stop;
    const auto stopped = [&stop] { return stop.asked(); };
    const auto machine = machine_for(settings);
    auto store = store_for(settings, machine);
    if (action == "install" || action == "import" || action == "update")
        make_folders(resolved, {store.folder()});
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
    } else if (action == "update") {
        update(settings, machine, store, stopped, arguments);
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
        said(builds::import_build(store, from,
                                  install_options(settings, release_source(settings, stopped))));
    }
    return 0;
}

} // namespace odysseus::commands
