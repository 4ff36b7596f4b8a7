// The story of a launch, from top to bottom.
#include "first_model.hpp"
#include "greeting.hpp"
#include "odysseus/base/error.hpp"
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/commands/commands.hpp"
#include "odysseus/download/url.hpp"
#include "odysseus/models/models_folder.hpp"
#include "odysseus/proxy/proxy.hpp"
#include "odysseus/server/user_arguments.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/heap.hpp"
#include "odysseus/system/instance_lock.hpp"
#include "odysseus/system/leftovers.hpp"
#include "odysseus/system/ports.hpp"
#include "odysseus/system/service_manager.hpp"
#include "odysseus/system/stop_signal.hpp"
#include "odysseus/system/terminal.hpp"
#include "status_report.hpp"
#include "supervisor_spec.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

namespace odysseus::commands {
namespace {

using namespace std::chrono_literals;

constexpr auto k_no_lines = std::numeric_limits<std::uint64_t>::max();
constexpr auto k_request_grace = 10s; // requests in flight get so long when we stop

bool is_loopback(const std::string& address) {
    return address == "::1" || download::is_loopback_host(address);
}

void refuse_open_door(const settings::Settings& settings) {
    if (is_loopback(settings.host) || !settings.api_keys.empty() || settings.allow_unauthenticated)
        return;
    throw Error(Fault::usage, cat("--host ", settings.host,
                                  " would let anybody on the network in; add --api-key KEY, or ",
                                  "--allow-unauthenticated if that is what you want"));
}

// Binds the port that was asked for, or the next free one where nobody asked.
void listen(proxy::Proxy& proxy, const settings::Settings& settings) {
    try {
        proxy.listen(settings.host, settings.port);
    } catch (const Error& error) {
        if (error.fault() != Fault::busy || settings.port_asked_for) throw;
        const auto other = system::next_free_port(settings.host, settings.port + 1);
        if (!other) throw;
        proxy.listen(settings.host, *other);
        system::say("port", cat(settings.port, " is taken; using ", *other, " instead"));
    }
}

proxy::ProxySettings proxy_settings(const settings::Settings& settings,
                                    const std::vector<std::string>& llama_args) {
    proxy::ProxySettings proxy;
    proxy.models_max = server::user_arguments(llama_args).models_max.value_or(proxy.models_max);
    proxy.access.keys = settings.api_keys;
    proxy.access.hosts = settings.allow_hosts;
    proxy.access.origins = settings.allow_origins;
    proxy.access.listens_beyond_loopback = !is_loopback(settings.host);
    proxy.sse_ping = std::chrono::seconds(settings.sse_ping_s);
    return proxy;
}

StatusReport report_of(const server::Serving& serving, const proxy::Traffic& traffic,
                       const server::TokenCount& tokens, std::chrono::seconds uptime) {
    StatusReport report;
    report.state = server::state_name(serving.state);
    report.reason = serving.reason;
    report.generation = serving.generation;
    report.uptime_s = uptime.count();
    report.context_tokens = serving.context;
    report.llama_pid = serving.pid;
    report.llama_port = serving.port;
    report.restarts = serving.restarts;
    report.oom_steps = serving.oom_steps;
    report.requests_total = traffic.total;
    report.requests_active = traffic.active;
    report.requests_replayed = traffic.replayed;
    report.tokens = tokens;
    return report;
}

} // namespace

int serve(const settings::CommandLine& line, const settings::ResolvedSettings& resolved) {
    const auto& settings = resolved.values;
    refuse_open_door(settings);
    system::limit_heap_arenas();
    system::StopSignal stop;

    const auto home = settings::home_of(settings);
    const bool first_run = !std::filesystem::exists(home.data() / "odysseus.lock");
    make_folders(resolved, {home.data(), home.logs(), settings.models_dir});
    const system::InstanceLock lock(home.root);
    log::set_up(*log::level_from(settings.log_level), *log::format_from(settings.log_format),
                home.logs() / "odysseus.log");

    if (const auto ended = system::clean_leftovers(llama_record(home))) log::warn(*ended);
    system::sweep_temporaries(home.data());

    Plan plan;
    plan.hardware = machine_for(settings);
    const auto server = server_for(settings, plan.hardware, [&stop] { return stop.asked(); });
    plan.hardware.backend = server.backend;
    plan.build = server.build;

    if (models::ModelScan(settings.models_dir).catalog().models.empty()) {
        (void)fetch_first_model(
            pull_options(settings, plan.hardware, [&stop] { return stop.asked(); }));
    }
    models::Models models(settings.models_dir, toy_model(home),
                          settings.default_model.empty() ? std::nullopt
                                                         : std::optional(settings.default_model));
    plan.models = models.models();
    plan.findings = models.catalog()->findings;
    write_toy_model(home);
    plan.context = context_for(settings, plan.hardware, plan.models, line.llama_args);

    memory::ContextRecord record(home, settings, plan.hardware, plan.build->tag);
    plan.context = record.recalled(std::move(plan.context), plan.models);
    server::PresetFile preset(home.preset(),
                              own_contexts(settings, plan.hardware, record, line.llama_args),
                              server::gpu_layers(plan.hardware.backend));
    preset.offer(*models.catalog());
    say_first_lines(plan, first_run);

    auto spec = start_spec(settings, home, plan, server, line.llama_args);
    spec.on_context_held = [&, failed = plan.context.tokens](const std::string& id,
                                                             std::int64_t tokens) mutable {
        if (const auto model = model_with(models.models(), id)) record.held(*model, tokens, failed);
        failed = tokens;
    };
    if (settings.per_model_context) {
        spec.set_model_context = [&preset](const auto& model, auto tokens) {
            preset.set_context(model, tokens);
        };
        spec.model_context = [&preset](const auto& model) { return preset.context(model); };
    }
    std::optional<Error> lost; // by the supervisor's thread, before `stop` is asked
    spec.on_lost = [&](const Error& error) {
        lost = error;
        stop.ask();
    };
    server::Supervisor supervisor(std::move(spec));
    models.on_change([&](const models::Catalog& catalog) {
        offer_models(preset, catalog, supervisor.current());
    });
    stop.on_second([&supervisor] { supervisor.kill_now(); });

    const auto began = std::chrono::steady_clock::now();
    proxy::ProxyPages pages;
    pages.log_json = [&supervisor](std::uint64_t after) {
        const auto tail = supervisor.log_tail(after);
        return log_json(tail.next, tail.lines);
    };
    pages.status_json = [&, began](const proxy::Traffic& traffic) {
        auto now = plan;
        now.models = models.models();
        if (now.build->tag.empty()) now.build->tag = supervisor.build();
        const auto uptime = std::chrono::steady_clock::now() - began;
        return status_json(report_of(supervisor.current(), traffic,
                                     supervisor.log_tail(k_no_lines).tokens,
                                     std::chrono::duration_cast<std::chrono::seconds>(uptime)),
                           now);
    };
    proxy::Proxy proxy(proxy_settings(settings, line.llama_args), supervisor, models,
                       std::move(pages));
    listen(proxy, settings);
    proxy.start();
    supervisor.start();
    const auto started = supervisor.wait_started([&stop] { return stop.asked(); });
    if (const auto* why = std::get_if<Error>(&started)) throw *why;

    if (!stop.asked()) {
        say_ready(url_of(settings.host, proxy.port()), plan, first_run);
        say_toy(settings, plan.models);
        system::notify_ready();
        system::return_unused_memory();
        stop.wait();
    }
    system::say("stopping", "requests under way may finish; Ctrl-C again stops at once");
    system::notify_stopping();
    proxy.stop(k_request_grace);
    note_what_held(record, models.models(), supervisor.current());
    supervisor.stop();
    stop.on_second({});
    if (lost) throw *lost;
    return 0;
}

} // namespace odysseus::commands
