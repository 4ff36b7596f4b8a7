#include "doctor_facts.hpp"

#include "odysseus/commands/build_news.hpp"
#include "odysseus/commands/worker_use.hpp"

#include "llama_config.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/builds/build_check.hpp"
#include "odysseus/builds/build_files.hpp"
#include "odysseus/builds/build_store.hpp"
#include "odysseus/commands/launch_steps.hpp"
#include "odysseus/commands/serving.hpp"
#include "odysseus/download/http.hpp"
#include "odysseus/download/http_date.hpp"
#include "odysseus/download/url.hpp"
#include "odysseus/models/model_scan.hpp"
#include "odysseus/proxy/peer_look.hpp"
#include "odysseus/settings/home.hpp"
#include "odysseus/system/environment.hpp"
#include "odysseus/system/file_lock.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/instance_lock.hpp"
#include "odysseus/system/leftovers.hpp"
#include "odysseus/system/port_owner.hpp"
#include "odysseus/system/ports.hpp"

#include <algorithm>
#include <ctime>

namespace odysseus::commands {

namespace fs = std::filesystem;
using system::path_from_utf8;
using system::utf8;

namespace {

using namespace std::chrono_literals;

constexpr auto k_check_limit = 20s;
constexpr auto k_connect_limit = 2500ms;
constexpr auto k_answer_limit = 3s;
constexpr std::size_t k_config_bytes_max = 1U << 20;
constexpr int k_leftovers_max = 20;
constexpr int k_entries_max = 20'000;

std::string variable(const char* name) {
    return system::environment_value(name).value_or("");
}

fs::path nearest_existing(fs::path folder) {
    std::error_code error;
    while (!fs::is_directory(folder, error) && folder.has_parent_path() &&
           folder.parent_path() != folder) {
        folder = folder.parent_path();
    }
    return folder;
}

void look_at_home(const settings::Settings& settings, DoctorFacts& facts) {
    facts.home = settings.home;
    facts.models_dir = settings.models_dir;
    facts.free_bytes = system::free_bytes(system::path_from_utf8(settings.models_dir));
    try {
        facts.links =
            system::folder_traits(nearest_existing(system::path_from_utf8(settings.home))).symlinks;
    } catch (const Error& error) {
        facts.home_trouble = error.what();
    }
}

// As a launch does; what cannot be changed is found by running it.
void seat(builds::InstalledBuild& build) {
    try {
        builds::patch_build(build);
    } catch (const Error& error) {
        log::debug(error.what());
    }
}

std::optional<BuildFact> installed_build(const settings::Settings& settings,
                                         const hardware::Machine& machine) {
    BuildFact fact;
    builds::BuildCheck check;
    if (!settings.llama_server.empty()) {
        fact.name = settings.llama_server;
        fact.given = true;
        fact.backend = machine.backend;
        const auto server = system::path_from_utf8(settings.llama_server);
        check = builds::check_build(server, builds::library_folders(server, false, fact.backend),
                                    k_check_limit);
        fact.tag = check.tag.value_or("");
    } else {
        auto build =
            builds::current_build(system::path_from_utf8(settings.home), machine.os, machine.arch);
        if (!build) return std::nullopt;
        fact.name = build->id;
        fact.backend = build->manifest.backend;
        const auto& manifest = build->manifest;
        seat(*build);
        check = builds::check_build(
            build->server,
            builds::library_folders(build->server, manifest.library_path, manifest.backend),
            k_check_limit);
        fact.tag = manifest.tag;
        fact.imported = manifest.source == "import";
        fact.better = better_build_now(settings, machine,
                                       {manifest.source, manifest.tag, true, {}, {}, fact.backend})
                          .value_or("");
        fact.differences = builds::differences(*build);
    }
    fact.runs = check.runs;
    fact.trouble = check.trouble;
    fact.remedy = check.remedy;
    if (check.devices && fact.backend != Backend::cpu) {
        fact.sees_gpu = builds::serves(*check.devices, fact.backend);
    }
    return fact;
}

void look_at_models(const settings::Settings& settings, DoctorFacts& facts) {
    auto catalog = model_scan(settings).catalog();
    facts.models = std::move(catalog.models);
    std::error_code error;
    // A folder that is not there yet is no finding: the first start makes it.
    if (fs::exists(system::path_from_utf8(settings.models_dir), error)) {
        facts.model_findings = std::move(catalog.findings);
    }
}

// The odysseus that holds this HOME, if one does.
std::optional<std::int64_t> running_here(const fs::path& home) {
    const auto file = home / "data" / "odysseus.lock";
    if (!system::FileLock::is_held(file)) return std::nullopt;
    return system::FileLock::owner(file).value_or(0);
}

// Its processes that have a port: itself and its llama-server.
std::vector<std::int64_t> processes_of(std::optional<std::int64_t> running, const fs::path& home) {
    if (!running) return {};
    std::vector<std::int64_t> processes{*running};
    if (const auto child = system::recorded_child(home / "data" / "llama-server.json"))
        processes.push_back(child->pid);
    return processes;
}

PortFact port_fact(int port, const char* setting, bool asked_for, const std::string& address,
                   const std::vector<std::int64_t>& ours) {
    PortFact fact;
    fact.port = port;
    fact.setting = setting;
    fact.asked_for = asked_for;
    fact.is_free = system::port_is_free(address, port);
    if (fact.is_free) return fact;
    if (const auto owner = system::port_owner(port)) {
        fact.owner_pid = owner->pid;
        fact.owner_name = owner->name;
    }
    fact.ours = std::any_of(ours.begin(), ours.end(), [port](std::int64_t pid) {
        return system::listens_on(pid, port).value_or(true);
    });
    return fact;
}

HostFact host_fact(const char* what, const std::string& base, const char* path, const char* setting,
                   DoctorFacts& facts) {
    HostFact fact;
    fact.what = what;
    fact.url = download::base_url(download::shown_url(base));
    fact.setting = setting;
    download::HttpOptions options;
    options.connect_limit = k_connect_limit;
    options.stall_limit = k_answer_limit;
    download::trust_setting(options.trust, base);
    download::HttpGet get;
    get.url = base + path;
    get.on_head = [](const download::HttpReply&) { return false; }; // any answer is one
    try {
        const auto outcome = download::http_get(get, options);
        if (const auto* broken = std::get_if<download::HttpBroken>(&outcome)) {
            fact.reached = false;
            fact.why = broken->why;
        } else if (!facts.server_now_s) {
            facts.server_now_s =
                download::http_date_s(std::get<download::HttpReply>(outcome).header("date"));
        }
    } catch (const Error& error) {
        fact.reached = false;
        fact.why = error.what();
    }
    return fact;
}

void look_at_hosts(const settings::Settings& settings, DoctorFacts& facts) {
    if (settings.offline) return;
    // GitHub does not count this question against the limit.
    facts.hosts.push_back(
        host_fact("the release host", settings.github_api, "/rate_limit", "--github-api", facts));
    facts.hosts.push_back(
        host_fact("the model host", settings.hf_endpoint, "/", "--hf-endpoint", facts));
    facts.hosts.back().models = true;
}

void look_at_peers(const settings::Settings& settings, DoctorFacts& facts) {
    std::vector<proxy::PeerAddress> addresses;
    try {
        addresses = peers_of(settings);
    } catch (const Error& error) {
        facts.peer_trouble = error.what();
        return;
    }
    for (const auto& peer : proxy::look_at_peers(addresses)) {
        PeerFact fact;
        fact.name = peer.name;
        fact.url = peer.url;
        fact.answers = peer.view.answers;
        fact.trouble = peer.view.trouble;
        fact.models = peer.view.models.size();
        fact.free_mib = peer.view.free_mib;
        fact.round_trip_ms = peer.round_trip_ms;
        const auto url = download::parsed_url(peer.url);
        fact.in_the_clear = url && url->scheme == "http" && !download::is_loopback(*url);
        facts.peers.push_back(std::move(fact));
    }
}

void look_at_worker(const settings::Settings& settings, const hardware::Machine& machine,
                    DoctorFacts& facts) {
    if (settings.worker.empty()) return;
    try {
        facts.worker = worker_looked_at(settings, {}, machine);
    } catch (const Error& error) {
        facts.worker_trouble = error.what();
    }
}

void look_at_environment(DoctorFacts& facts) {
    for (const char* name :
         {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"}) {
        if (auto value = variable(name); !value.empty()) {
            facts.proxies.push_back({name, std::move(value)});
        }
    }
    facts.no_proxy = variable("no_proxy").empty() ? variable("NO_PROXY") : variable("no_proxy");
    facts.now_s = static_cast<std::int64_t>(std::time(nullptr));
}

void look_at_config(const fs::path& home, DoctorFacts& facts) {
    const auto file = home / "data" / "launcher_config.json";
    const auto text = system::read_file(file, k_config_bytes_max);
    if (!text) return;
    auto parsed = settings::settings_from_file(*text, system::utf8(file));
    if (auto* settings = std::get_if<settings::FileSettings>(&parsed)) {
        facts.unknown_keys = std::move(settings->unknown_keys);
    }
}

// Calls `take` for the files below a folder; an unreadable one ends the walk, which is no matter.
template <class Take>
void walk(const fs::path& folder, const Take& take) {
    std::error_code error;
    int entries = 0;
    for (fs::recursive_directory_iterator entry(folder, error), end;
         !error && entry != end && entries < k_entries_max; entry.increment(error), ++entries) {
        take(*entry);
    }
}

void look_for_leftovers(const settings::Settings& settings, const hardware::Machine& machine,
                        bool running, DoctorFacts& facts) {
    using Kind = LeftoverFact::Kind;
    const auto add = [&](Kind kind, const fs::directory_entry& entry) {
        if (facts.leftovers.size() >= k_leftovers_max) return;
        std::error_code error;
        const auto bytes = entry.is_regular_file(error) ? entry.file_size(error) : 0;
        facts.leftovers.push_back(
            {kind, system::utf8(entry.path()), error ? 0 : static_cast<std::int64_t>(bytes), {}});
    };
    if (running) return; // what looks left over may be under way
    walk(system::path_from_utf8(settings.models_dir), [&](const fs::directory_entry& entry) {
        const auto name = system::utf8(entry.path().filename());
        if (name.ends_with(".gguf.part") || name.ends_with(".gguf.fetched") ||
            name.ends_with(".gguf.fetched.part")) {
            add(Kind::download, entry);
        }
    });
    const auto home = system::path_from_utf8(settings.home);
    const builds::BuildStore store(home, machine.os, machine.arch);
    std::error_code error;
    for (fs::directory_iterator entry(store.folder(), error), end; !error && entry != end;
         entry.increment(error)) {
        const auto name = system::utf8(entry->path().filename());
        if (name.starts_with(".staging-") || (name.starts_with('.') && name.ends_with(".old"))) {
            add(Kind::installation, *entry);
        }
    }
    if (const auto child = system::recorded_child(home / "data" / "llama-server.json")) {
        facts.leftovers.push_back(
            {Kind::process, system::utf8(system::path_from_utf8(child->executable).filename()), 0,
             child->pid});
    }
}

} // namespace

DoctorFacts doctor_facts(const settings::Settings& settings, const hardware::Machine& machine) {
    DoctorFacts facts;
    facts.machine = machine;
    facts.device = settings.device;
    facts.offline = settings.offline;
    facts.threads_asked_for = settings.threads_asked_for;
    const auto home = system::path_from_utf8(settings.home);
    look_at_home(settings, facts);
    facts.build = installed_build(settings, machine);
    look_at_models(settings, facts);
    const auto running = running_here(home);
    if (running)
        facts.running = {*running, system::address_of_instance(home, *running).value_or("")};
    const auto ours = processes_of(running, home);
    facts.ports = {port_fact(settings.port, "--port", settings.port_asked_for, settings.host, ours),
                   port_fact(settings.llama_port, "--llama-port", settings.llama_port_asked_for,
                             "127.0.0.1", ours)};
    look_at_hosts(settings, facts);
    look_at_peers(settings, facts);
    look_at_worker(settings, machine, facts);
    look_at_environment(facts);
    look_at_config(home, facts);
    if (auto config = system_llama_config(machine.os))
        facts.llama_config = LlamaConfigFact{std::move(config->path), std::move(config->holding)};
    look_for_leftovers(settings, machine, running.has_value(), facts);
    return facts;
}

} // namespace odysseus::commands
