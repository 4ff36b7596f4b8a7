#include "odysseus/commands/serving.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/commands/first_model.hpp"
#include "odysseus/download/url.hpp"
#include "odysseus/models/models_folder.hpp"
#include "odysseus/proxy/proxy.hpp"
#include "odysseus/system/ports.hpp"
#include "odysseus/system/terminal.hpp"
#include "page_pulls.hpp"
#include "paired_file.hpp"
#include "status_report.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

namespace odysseus::commands {
namespace {

constexpr auto k_no_lines = std::numeric_limits<std::uint64_t>::max();

StatusReport report_of(const server::Serving& serving, const proxy::Traffic& traffic,
                       const server::TokenCount& tokens, std::chrono::seconds uptime) {
    StatusReport report;
    report.state = server::state_name(serving.state);
    report.reason = serving.reason;
    report.generation = serving.generation;
    report.uptime_s = uptime.count();
    report.context_tokens = serving.context;
    report.model = serving.model;
    report.llama_pid = serving.pid;
    report.llama_port = serving.port;
    report.restarts = serving.restarts;
    report.oom_steps = serving.oom_steps;
    report.gpu_unused = serving.gpu_unused;
    report.requests_total = traffic.total;
    report.requests_active = traffic.active;
    report.requests_replayed = traffic.replayed;
    report.idle_unloaded = traffic.idle_unloaded;
    report.tokens = tokens;
    report.peers = traffic.peers;
    return report;
}

} // namespace

void refuse_open_door(const settings::Settings& settings) {
    (void)peers_of(settings);
    if (download::is_loopback_host(settings.host) || !settings.api_keys.empty() ||
        settings.allow_unauthenticated ||
        (!settings.tls_cert.empty() && !paired_with(settings).empty()))
        return;
    throw Error(Fault::usage, concat("--host ", settings.host,
                                     " would let anybody on the network in; add --api-key KEY, or ",
                                     "--allow-unauthenticated if that is what you want"));
}

void listen(proxy::Proxy& proxy, const settings::Settings& settings) {
    // By default on both loopback addresses: clients that take localhost for ::1 try no other.
    const std::string host = settings.host_asked_for ? settings.host : "localhost";
    try {
        proxy.listen(host, settings.port);
    } catch (const Error& error) {
        if (error.fault() != Fault::busy || settings.port_asked_for) throw;
        const auto other = system::next_free_port(host, settings.port + 1);
        if (!other) throw;
        proxy.listen(host, *other);
        system::say("port", concat(settings.port, " is taken; using ", *other, " instead"));
    }
}

// Clients that say "localhost" may mean either loopback address.
void listen_as_ollama(proxy::Proxy& proxy, const settings::Settings& settings) {
    if (settings.ollama_port == 0) return;
    const bool loopback = download::is_loopback_host(settings.host);
    try {
        proxy.listen_as_ollama(loopback ? "localhost" : settings.host, settings.ollama_port);
    } catch (const Error& error) {
        if (error.fault() != Fault::busy) throw;
        throw Error(Fault::busy, concat("port ", settings.ollama_port,
                                        " for Ollama's clients (--ollama-port) is taken by another "
                                        "program, perhaps by Ollama itself; stop it, or choose "
                                        "another port"));
    }
}

std::vector<proxy::PeerAddress> peers_of(const settings::Settings& settings) {
    auto peers = proxy::peer_addresses(settings.peers);
    if (const auto* why = std::get_if<std::string>(&peers)) throw Error(Fault::usage, *why);
    auto addresses = std::get<std::vector<proxy::PeerAddress>>(std::move(peers));
    const auto paired = paired_with(settings);
    for (auto& address : addresses) {
        const auto known = std::find_if(paired.begin(), paired.end(), [&address](const auto& one) {
            return same_name(one.host, address.host);
        });
        if (!address.tls || known == paired.end()) continue;
        address.pinned = known->certificate;
        if (address.key.empty()) address.key = known->key;
    }
    return addresses;
}

proxy::ProxySettings proxy_settings(const settings::Settings& settings, const Plan& plan,
                                    const std::vector<std::string>& llama_args) {
    const auto& machine = plan.hardware;
    const auto held = models_held(settings, llama_args);
    proxy::ProxySettings proxy;
    proxy.models_max = held == 1 ? static_cast<std::size_t>(plan.models_max) : held;
    proxy.idle_unload = std::chrono::minutes(settings.idle_unload_min);
    proxy.access.keys = settings.api_keys;
    if (!settings.tls_cert.empty()) { // a paired machine comes over TLS
        for (const auto& paired : paired_with(settings))
            proxy.access.keys.push_back(paired.accepts);
    }
    proxy.access.hosts = settings.allow_hosts;
    proxy.access.origins = settings.allow_origins;
    proxy.access.listens_beyond_loopback = !download::is_loopback_host(settings.host);
    proxy.peers = peers_of(settings);
    if (!settings.tls_cert.empty())
        proxy.tls = system::tls_server({settings.tls_cert, settings.tls_key});
    proxy.on_gpu = machine.backend != Backend::cpu;
    proxy.pull_options = [settings, machine] { return pull_options(settings, machine, {}); };
    proxy.sse_ping = std::chrono::seconds(settings.sse_ping_s);
    return proxy;
}

proxy::ProxyPages proxy_pages(const settings::Settings& settings, const Plan& plan,
                              const server::Supervisor& supervisor, const models::Models& models,
                              const ModelFits& fits, const WorkerUse& worker) {
    proxy::ProxyPages pages;
    offer_pulls(pages, settings, plan.hardware);
    pages.contexts = [&fits] { return fits.contexts(); };
    pages.context_of = [&fits](const std::string& id) {
        for (const auto& [model, tokens] : fits.contexts())
            if (model == id) return tokens;
        return std::int64_t{0};
    };
    pages.fits_of = [&fits](const std::string& id) {
        const auto fit = fits.fits_of(id);
        if (!fit) return proxy::PeerFit::unknown;
        if (*fit == memory::Fits::yes) return proxy::PeerFit::yes;
        return *fit == memory::Fits::partly ? proxy::PeerFit::partly : proxy::PeerFit::no;
    };
    pages.log_json = [&supervisor](std::uint64_t after) {
        const auto tail = supervisor.log_tail(after);
        return log_json(tail.next, tail.lines);
    };
    pages.metrics_text = [&worker] { return worker_metrics(worker.view()); };
    pages.status_json = [&,
                         began = std::chrono::steady_clock::now()](const proxy::Traffic& traffic) {
        auto now = plan;
        const auto serving = supervisor.current();
        now.models = models.models();
        now.worker = worker.view();
        auto fitted = fits.fitted(now.models, serving.model);
        now.fits = std::move(fitted.fits);
        now.context = std::move(fitted.context);
        if (now.build->tag.empty()) now.build->tag = supervisor.build();
        const auto uptime = std::chrono::steady_clock::now() - began;
        auto report = report_of(serving, traffic, supervisor.log_tail(k_no_lines).tokens,
                                std::chrono::duration_cast<std::chrono::seconds>(uptime));
        report.start_tokens = plan.context.tokens;
        return status_json(report, now);
    };
    return pages;
}

} // namespace odysseus::commands
