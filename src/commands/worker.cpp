// odysseus worker: this machine's memory for the models of another one, by llama.cpp's RPC server
// behind TLS.
#include "odysseus/base/error.hpp"
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/commands/commands.hpp"
#include "odysseus/commands/launch_steps.hpp"
#include "odysseus/commands/server_choice.hpp"
#include "odysseus/proxy/worker_host.hpp"
#include "odysseus/server/launch_plan.hpp"
#include "odysseus/server/rpc_server.hpp"
#include "odysseus/server/server_log.hpp"
#include "odysseus/server/tensor_cache.hpp"
#include "odysseus/system/environment.hpp"
#include "odysseus/system/file_lock.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/leftovers.hpp"
#include "odysseus/system/paths.hpp"
#include "odysseus/system/process_info.hpp"
#include "odysseus/system/service_manager.hpp"
#include "odysseus/system/stop_signal.hpp"
#include "odysseus/system/terminal.hpp"
#include "paired_file.hpp"

#include <algorithm>

namespace odysseus::commands {
namespace {

constexpr std::int64_t k_mib = std::int64_t{1} << 20;
constexpr std::int64_t k_cache_bytes_max = std::int64_t{32} << 30;
constexpr std::int64_t k_cache_share = 2; // of what the disk has for it

system::FileLock lock_of(const settings::Home& home) {
    auto lock = system::FileLock::try_lock(home.data() / "worker.lock");
    if (!lock)
        throw Error(Fault::busy,
                    concat("another odysseus worker runs in ", system::utf8(home.root),
                           "; stop it, or give this one a folder of its own with --home DIR"));
    return std::move(*lock);
}

std::filesystem::path program_of(const Server& server) {
    const auto program = server::rpc_program(server.executable);
    if (!program)
        throw Error(Fault::no_build,
                    concat("the llama.cpp build in ", system::utf8(server.executable.parent_path()),
                           " brings no RPC server (ggml-rpc-server); llama.cpp's own releases do: "
                           "odysseus backend install"));
    return *program;
}

std::vector<std::string> environment_of(const settings::Home& home, const Server& server,
                                        hardware::Os os) {
    server::LaunchEnvironment wanted;
    wanted.os = os;
    wanted.cache_dir = system::utf8(home.data() / "rpc-cache");
    for (const auto& folder : server.library_folders)
        wanted.library_folders.push_back(system::utf8(folder));
    wanted.config_dir = system::utf8(home.data() / "no-config");
    wanted.visible_devices = server.visible_devices;
    return server::launch_environment(system::own_environment(), wanted);
}

std::filesystem::path record_of(const settings::Home& home) {
    return home.data() / "rpc-server.json";
}

server::RpcSpec spec_of(const settings::Settings& settings, const settings::Home& home,
                        const hardware::Machine& machine, const Server& server) {
    server::RpcSpec spec;
    spec.executable = program_of(server);
    spec.guard = system::own_executable();
    spec.record = record_of(home);
    spec.environment = environment_of(home, server, machine.os);
    spec.threads = launch_plan_for(settings, home, machine, {}, settings.llama_port, {}).threads;
    return spec;
}

// The folder of large tensors: what is damaged or too much goes before each session.
class Cache {
  public:
    explicit Cache(const settings::Home& home) : m_folder(home.data() / "rpc-cache" / "rpc") {}

    void check() {
        std::error_code error;
        std::filesystem::create_directories(m_folder, error);
        const auto space = std::filesystem::space(m_folder, error);
        const auto free = error ? std::int64_t{0} : static_cast<std::int64_t>(space.available);
        const auto most = std::min(k_cache_bytes_max, (m_bytes + free) / k_cache_share);
        const auto since = m_checked;
        m_checked = std::filesystem::file_time_type::clock::now() - std::chrono::seconds(2);
        const auto found = server::check_tensor_cache(m_folder, most, since);
        m_bytes = found.bytes;
        if (found.damaged > 0)
            log::warn(
                concat(found.damaged, " damaged files were removed from ", system::utf8(m_folder)));
        if (found.dropped > 0)
            log::info(concat(found.dropped, " files were removed from ", system::utf8(m_folder),
                             " to keep it below ", byte_text(most)));
    }

  private:
    const std::filesystem::path m_folder;
    std::filesystem::file_time_type m_checked = std::filesystem::file_time_type::min();
    std::int64_t m_bytes = 0;
};

// It takes the whole of the RAM for free, whatever else runs and whatever a container may use.
proxy::WorkerRules::Started started(server::RpcServer& rpc, const hardware::Machine& machine) {
    const auto begun = rpc.start();
    proxy::WorkerRules::Started told{begun.port, {"", begun.facts.protocol, begun.facts.devices}};
    for (auto& device : told.offer.devices) {
        if (device.name != "CPU") continue;
        device.total_mib = std::min(device.total_mib, machine.ram_mib.value_or(device.total_mib));
        const auto free = system::memory_free();
        device.free_mib = std::min(device.free_mib, free ? *free / k_mib : device.total_mib);
    }
    return told;
}

std::optional<std::string> name_of(const settings::Settings& settings,
                                   const system::CertificateDigest& certificate) {
    for (const auto& machine : paired_with(settings)) {
        if (machine.certificate == certificate) return machine.host;
    }
    return std::nullopt;
}

PairPlace place_of(const settings::CommandLine& line) {
    const auto text = line.words.empty() ? std::string() : line.words.front();
    const auto place = pair_place(text, proxy::k_worker_port);
    if (!place)
        throw Error(Fault::usage, concat("'", text,
                                         "' is no place to listen: give ADDRESS, ADDRESS:PORT, or "
                                         ":PORT for all addresses"));
    return *place;
}

void refuse_unpaired(const settings::Settings& settings) {
    if (!system::has_tls())
        throw Error(Fault::usage, "this build of odysseus has no TLS, so it cannot be a worker");
    if (!paired_with(settings).empty()) return;
    throw Error(Fault::usage, "no machine is paired with this one, so nobody could use the worker; "
                              "once, on both machines: odysseus pair");
}

} // namespace

int worker(const settings::CommandLine& line, const settings::ResolvedSettings& resolved) {
    const auto& settings = resolved.values;
    const auto place = place_of(line);
    refuse_unpaired(settings);
    system::StopSignal stop;
    const auto stopped = [&stop] { return stop.asked(); };
    const auto home = settings::home_of(settings);
    make_folders(resolved, {home.data(), home.logs()});
    const auto lock = lock_of(home);
    if (const auto ended = system::clean_leftovers(record_of(home))) log::warn(*ended);

    auto machine = machine_for(settings);
    auto server = server_for(settings, machine, stopped);
    machine.backend = server.backend;
    server.visible_devices = leave_unserved_gpus(machine, server.build);
    const auto build = build_tag(server);
    server::ServerLog log(home.logs() / "rpc-server.log");
    auto spec = spec_of(settings, home, machine, server);
    spec.log = [&log](const std::string& text) {
        log.add(text);
        log.flush();
    };
    server::RpcServer rpc(std::move(spec));
    Cache cache(home);

    proxy::WorkerRules rules;
    rules.build = build;
    rules.tls = system::tls_mutual(identity_files(settings), true);
    rules.name_of = [&settings](const auto& certificate) { return name_of(settings, certificate); };
    rules.start = [&] {
        cache.check();
        return started(rpc, machine);
    };
    rules.stop = [&rpc] { rpc.stop(); };
    rules.tell = [](const std::string& news) { system::say("note", news); };
    auto first = rules.start(); // what is wrong with it is told now
    rpc.stop();
    first.offer.build = build;
    proxy::WorkerHost host(std::move(rules));
    host.listen(place.host, place.port);
    host.start();
    system::say("worker", concat("llama.cpp ", first.offer.text()));
    system::say(
        "ready",
        concat("on port ", host.port(), "; on a paired machine: odysseus --worker ", "HOST",
               host.port() == proxy::k_worker_port ? std::string() : concat(":", host.port()),
               ", with this machine's name or address as in odysseus pair"));
    system::notify_ready();
    stop.wait();
    system::hide_echo();
    system::notify_stopping();
    host.stop();
    return 0;
}

} // namespace odysseus::commands
