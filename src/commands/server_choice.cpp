#include "odysseus/commands/server_choice.hpp"

#include "odysseus/commands/build_news.hpp"
#include "saved_arguments.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/builds/acquire.hpp"
#include "odysseus/builds/asset_name.hpp"
#include "odysseus/builds/build_check.hpp"
#include "odysseus/builds/build_files.hpp"
#include "odysseus/builds/runtime_fit.hpp"
#include "odysseus/commands/launch_steps.hpp"
#include "odysseus/memory/context_choice.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/terminal.hpp"

#include <algorithm>
#include <memory>

namespace odysseus::commands {
namespace {

constexpr int k_question_tries = 3;
constexpr std::chrono::seconds k_attest_limit{60};

Server named_server(const settings::Settings& settings, const hardware::Machine& machine) {
    const auto path = system::path_from_utf8(settings.llama_server);
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) {
        throw Error(
            Fault::usage,
            concat(settings.llama_server_from, ": there is no file ", settings.llama_server,
                   "; name the llama-server program itself, or leave it out and let odysseus "
                   "fetch one"));
    }
    if (!system::may_run(path)) {
        throw Error(Fault::usage, concat(settings.llama_server_from, ": ", settings.llama_server,
                                         " is not executable; name llama-server itself "
                                         "(chmod +x, if it is that)"));
    }
    Server server;
    server.executable = std::filesystem::canonical(path); // its libraries lie beside the real file
    server.build = {settings.llama_server, "", true, {}, "it was named with --llama-server", {}};
    server.backend = machine.backend;
    server.library_folders = builds::library_folders(server.executable, false, server.backend);
    return server;
}

Server server_of(builds::InstalledBuild build, const settings::Settings& settings) {
    builds::patch_build(build);
    const auto& manifest = build.manifest;
    Server server;
    server.executable = build.server;
    server.build = {manifest.source,
                    manifest.tag,
                    true,
                    manifest.archives,
                    build.note.empty() ? manifest.reason : build.note,
                    manifest.backend};
    server.backend = settings.device == Backend::cpu ? Backend::cpu : manifest.backend;
    server.library_folders =
        builds::library_folders(build.server, manifest.library_path, manifest.backend);
    return server;
}

// Every build computes on the CPU too; another device needs a build of its own.
bool serves(const builds::InstalledBuild& build, const settings::Settings& settings) {
    const bool right_tag = settings.release == "stable" || settings.release == "nightly" ||
                           settings.release == build.manifest.tag || settings.release == build.id;
    const bool right_device = !settings.device || *settings.device == Backend::cpu ||
                              *settings.device == build.manifest.backend;
    return right_tag && right_device;
}

std::optional<builds::InstalledBuild> installed_build(const settings::Settings& settings,
                                                      const builds::BuildStore& store) {
    auto current = store.current();
    if (current && serves(*current, settings)) return current;
    for (auto& build : store.list()) {
        if (serves(build, settings)) return std::move(build);
    }
    return std::nullopt;
}

builds::BuildWish wish_for(const settings::Settings& settings, const hardware::Machine& machine) {
    return {machine, settings.device, settings.github_download};
}

void refuse_offline(const settings::Settings& settings) {
    if (!settings.offline) return;
    throw Error(Fault::no_build,
                "no suitable llama.cpp build is installed, and --offline forbids fetching one; "
                "start once without --offline, or bring one: odysseus backend import FILE.tar.gz");
}

// What a user can do where the release host gives nothing; `work` asks it.
template <class Work>
auto with_way_out(const Work& work) {
    try {
        return work();
    } catch (const Stopped&) {
        throw;
    } catch (const Error& error) {
        // A full disk is that fault too (exit 4), and no network helps.
        const std::string_view what = error.what();
        const bool no_room = what.find("make room") != std::string_view::npos ||
                             what.find("No space left") != std::string_view::npos;
        if (error.fault() != Fault::network || no_room) throw;
        const std::string_view end = what.ends_with('?') ? " " : "; ";
        throw Error(Fault::network,
                    concat("llama.cpp could not be downloaded: ", what, end,
                           what.ends_with('?') ? "Without internet" : "without this download",
                           ": odysseus backend import FILE"));
    }
}

} // namespace

builds::BuildStore store_for(const settings::Settings& settings, const hardware::Machine& machine) {
    return {settings.home, machine.os, machine.arch};
}

std::optional<Server> ready_server(const settings::Settings& settings,
                                   const hardware::Machine& machine) {
    if (!settings.llama_server.empty()) return named_server(settings, machine);
    const auto store = store_for(settings, machine);
    if (const auto build = installed_build(settings, store)) return server_of(*build, settings);
    return std::nullopt;
}

Server server_for(const settings::Settings& settings, const hardware::Machine& machine,
                  const std::function<bool()>& stopped) {
    auto server = ready_server(settings, machine);
    if (!server) server = server_of(install_release(settings, machine, stopped, {}), settings);
    if (!settings.llama_server.empty()) return std::move(*server);
    server->in_use = store_for(settings, machine).hold(stopped);
    std::error_code error;
    if (std::filesystem::exists(server->executable, error)) return std::move(*server);
    // Another odysseus installed and removed this one in the very moment; what it left is current.
    auto in_use = std::move(server->in_use);
    server = ready_server(settings, machine);
    if (!server) {
        throw Error(Fault::busy,
                    "the llama.cpp build was removed while odysseus was starting; start again");
    }
    server->in_use = std::move(in_use);
    return std::move(*server);
}

std::string build_tag(const Server& server) {
    const std::string_view tag = server.build.tag;
    if (tag.starts_with('b') && parsed_int(tag.substr(1))) return std::string(tag);
    return builds::check_build(server.executable, server.library_folders).tag.value_or("");
}

std::string leave_unserved_gpus(hardware::Machine& machine, const PlannedBuild& build) {
    const auto name =
        build.files.empty() ? std::nullopt : builds::parse_asset_name(build.files.front().name);
    const auto unserved = name ? builds::unserved_gpus(machine, *name) : std::vector<std::size_t>();
    if (unserved.empty()) return {};
    std::vector<hardware::Gpu> kept;
    std::vector<std::string> served;
    std::size_t index = 0;
    for (auto& gpu : machine.gpus) {
        const bool nvidia = gpu.vendor == hardware::Vendor::nvidia;
        const auto number = nvidia ? index++ : 0;
        if (nvidia && std::find(unserved.begin(), unserved.end(), number) != unserved.end()) {
            machine.notes.push_back(
                concat(gpu.name,
                       " is not used: this llama.cpp build has no code for its compute "
                       "capability ",
                       gpu.compute_capability.value_or("")));
            continue;
        }
        if (nvidia) served.push_back(std::to_string(number));
        kept.push_back(std::move(gpu));
    }
    machine.gpus = std::move(kept);
    return joined(served, ",");
}

namespace {

// What a build that the user brought can compute on: nobody has looked at it when it was installed.
void take_named_backend(hardware::Machine& machine, const std::vector<builds::Device>& devices) {
    if (builds::serves(devices, machine.backend)) return;
    const auto gpu = std::find_if(devices.begin(), devices.end(),
                                  [](const builds::Device& device) { return device.is_gpu(); });
    if (gpu != devices.end()) {
        machine.backend = gpu->backend.value_or(machine.backend);
        return;
    }
    if (!machine.gpus.empty())
        machine.notes.emplace_back("this llama-server can use no GPU here, so the CPU computes");
    machine.backend = Backend::cpu;
}

} // namespace

void take_listed_devices(hardware::Machine& machine, const settings::Settings& settings,
                         const Server& server) {
    if (machine.backend == Backend::cpu || !settings.hardware.empty()) return;
    const auto used = memory::used_gpus(machine);
    const bool all_told = std::all_of(used.begin(), used.end(), [](const hardware::Gpu& gpu) {
        return gpu.total_mib || gpu.free_mib;
    });
    const bool named = !settings.llama_server.empty() && !settings.device;
    if (all_told && !used.empty() && !named) return;
    const auto devices = builds::listed_devices(server.executable, server.library_folders);
    if (!devices) return;
    if (named) take_named_backend(machine, *devices);
    if (all_told && !used.empty()) return;
    std::vector<hardware::Gpu> gpus;
    for (const auto& device : *devices) {
        if (!device.is_gpu() || device.backend != machine.backend || !device.total_mib) continue;
        hardware::Gpu gpu;
        gpu.vendor = hardware::vendor_of(machine.backend);
        gpu.name = device.name;
        gpu.total_mib = device.total_mib;
        gpu.free_mib = device.free_mib;
        gpus.push_back(std::move(gpu));
    }
    if (!gpus.empty()) machine.gpus = std::move(gpus);
}

PlannedBuild planned_build(const settings::Settings& settings, const hardware::Machine& machine) {
    if (const auto server = ready_server(settings, machine)) return server->build;
    refuse_offline(settings);
    return newest_build(settings, machine, {});
}

builds::ReleaseSource release_source(const settings::Settings& settings,
                                     const std::function<bool()>& stopped) {
    return release_source(settings, stopped,
                          [](const std::string& sentence) { system::say("release", sentence); });
}

builds::ReleaseSource release_source(const settings::Settings& settings,
                                     const std::function<bool()>& stopped,
                                     std::function<void(const std::string&)> tell) {
    builds::ReleaseSourceOptions options;
    options.release = settings.release;
    options.github_api = settings.github_api;
    options.github_download = settings.github_download;
    options.cache = settings::home_of(settings).data() / "releases";
    options.offline = settings.offline;
    options.token = builds::github_token();
    options.tell = std::move(tell);
    download::HttpOptions http;
    http.stopped = stopped;
    http.tries_max = k_question_tries; // there is another way to ask, and the user waits
    return {std::move(options), std::move(http)};
}

namespace {

// Also computes a token with it: to pass --version says little of a build.
builds::BuildCheck check_new_build(const settings::Settings& settings,
                                   const std::filesystem::path& server,
                                   const std::vector<std::filesystem::path>& folders) {
    auto check = builds::check_build(server, folders);
    if (!check.runs) return check;
    const auto home = settings::home_of(settings);
    std::error_code error;
    std::filesystem::create_directories(home.data(), error);
    write_toy_model(home);
    const auto trouble = builds::trouble_of_computing(server, folders, toy_file(home));
    if (!trouble) return check;
    check.runs = false;
    check.trouble = *trouble;
    return check;
}

} // namespace

builds::InstallOptions install_options(const settings::Settings& settings,
                                       const builds::ReleaseSource& source) {
    builds::InstallOptions options;
    options.check = [settings](const auto& server, const auto& folders) {
        return check_new_build(settings, server, folders);
    };
    options.http = source.http();
    options.http.tries_max = download::HttpOptions{}.tries_max; // a download is worth more patience
    options.tell = [](const std::string& sentence) { system::say("build", sentence); };
    options.attest = [](const std::filesystem::path& archive) {
        return builds::verify_attestation(archive, k_attest_limit);
    };
    // One bar for each thing that is under way.
    struct Bar {
        std::string what;
        std::unique_ptr<system::ProgressBar> bar;
    };
    options.progress = [shown = std::make_shared<Bar>()](const std::string& what,
                                                         const download::FetchProgress& progress) {
        if (shown->what != what) {
            if (shown->bar) shown->bar->finish();
            shown->what = what;
            shown->bar = std::make_unique<system::ProgressBar>(
                what, what.find("unpack") == 0 ? "build" : "download");
        }
        shown->bar->update(progress.bytes, progress.total);
        if (progress.total && progress.bytes >= *progress.total) shown->bar->finish();
    };
    return options;
}

builds::InstalledBuild install_release(const settings::Settings& settings,
                                       const hardware::Machine& machine,
                                       const std::function<bool()>& stopped,
                                       const std::vector<std::string>& llama_args) {
    refuse_offline(settings);
    if (system::stderr_is_terminal())
        system::say("build",
                    settings.release == "stable"
                        ? std::string("looking for the newest llama.cpp for this machine ...")
                        : concat("looking for llama.cpp ", settings.release, " ..."));
    auto source = release_source(settings, stopped);
    auto store = store_for(settings, machine);
    auto options = install_options(settings, source);
    options.check = [&](const auto& server, const auto& folders) {
        auto check = check_new_build(settings, server, folders);
        if (check.runs) try_arguments(server, folders, llama_args);
        return check;
    };
    auto build = with_way_out(
        [&] { return builds::acquire_build(wish_for(settings, machine), source, store, options); });
    note_installed(settings, machine, build);
    return build;
}

PlannedBuild newest_build(const settings::Settings& settings, const hardware::Machine& machine,
                          const std::function<bool()>& stopped) {
    auto source = release_source(settings, stopped);
    const auto plan =
        with_way_out([&] { return builds::plan_build(wish_for(settings, machine), source); });
    const auto& choice = plan.choices.front();
    return {choice.source, choice.tag, false, choice.files, choice.reason, choice.backend};
}

} // namespace odysseus::commands
