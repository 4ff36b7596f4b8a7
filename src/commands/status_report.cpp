#include "status_report.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/base/version.hpp"
#include "odysseus/hardware/machine_json.hpp"

#include <nlohmann/json.hpp>

namespace odysseus::commands {
namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) {
    return text.empty() ? Json() : Json(text);
}

const char* fit_word(proxy::PeerFit fit) {
    switch (fit) {
    case proxy::PeerFit::yes: return "yes";
    case proxy::PeerFit::partly: return "partly";
    case proxy::PeerFit::no: return "no";
    case proxy::PeerFit::unknown: break;
    }
    return nullptr;
}

Json peer_json(const proxy::PeerStatus& peer) {
    Json models = Json::array();
    for (const auto& model : peer.view.models) {
        const auto* const fits = fit_word(model.fits);
        models.push_back({{"id", model.id},
                          {"loaded", model.loaded},
                          {"fits", fits != nullptr ? Json(fits) : Json()},
                          {"context", model.context ? Json(*model.context) : Json()}});
    }
    const char* state = !peer.view.answers ? "unreachable" : peer.left_out ? "left_out" : "ready";
    return {{"name", peer.name},
            {"url", peer.url},
            {"state", state},
            {"reason", text_or_null(peer.view.trouble)},
            {"odysseus", text_or_null(peer.view.version)},
            {"free_mib", peer.view.free_mib ? Json(*peer.view.free_mib) : Json()},
            {"round_trip_ms", peer.round_trip_ms ? Json(*peer.round_trip_ms) : Json()},
            {"requests", {{"total", peer.requests}, {"active", peer.active}}},
            {"failures", peer.failures},
            {"models", std::move(models)}};
}

Json peers_json(const std::vector<proxy::PeerStatus>& peers) {
    Json list = Json::array();
    for (const auto& peer : peers)
        list.push_back(peer_json(peer));
    return list;
}

} // namespace

std::string status_json(const StatusReport& report, const Plan& plan) {
    Json context = context_json(plan.context);
    context["tokens"] = report.context_tokens;
    context["start_tokens"] = report.start_tokens != 0 ? report.start_tokens : plan.context.tokens;
    if (report.context_tokens != plan.context.tokens && report.context_tokens != 0) {
        context["reason"] =
            concat(report.context_tokens, " tokens: memory ran out with more; the start was with ",
                   plan.context.tokens);
    }
    auto machine = plan.hardware;
    if (!report.gpu_unused.empty()) {
        machine.notes.insert(
            machine.notes.begin(),
            concat("the GPU is not used, llama-server computes on the CPU: ", report.gpu_unused));
    }
    const auto or_null = [&report](std::uint64_t count) {
        return report.tokens.known ? Json(count) : Json();
    };
    const Json document{{"version", version()},
                        {"state", report.state},
                        {"reason", report.reason.empty() ? Json() : Json(report.reason)},
                        {"generation", report.generation},
                        {"uptime_s", report.uptime_s},
                        {"context", std::move(context)},
                        {"model", report.model.empty() ? Json() : Json(report.model)},
                        {"hardware", hardware::machine_json(machine)},
                        {"build", build_json(plan.build)},
                        {"models", models_json(plan.models, plan.fits)},
                        {"llama_server",
                         {{"pid", report.llama_pid != 0 ? Json(report.llama_pid) : Json()},
                          {"port", report.llama_port}}},
                        {"idle_unloaded", report.idle_unloaded},
                        {"restarts", report.restarts},
                        {"oom_steps", report.oom_steps},
                        {"requests",
                         {{"total", report.requests_total},
                          {"active", report.requests_active},
                          {"replayed", report.requests_replayed}}},
                        {"peers", peers_json(report.peers)},
                        {"worker", worker_json(plan.worker)},
                        {"throughput",
                         {{"tokens_total", or_null(report.tokens.generated)},
                          {"prompt_tokens_total", or_null(report.tokens.prompt)}}}};
    return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string worker_metrics(const std::optional<proxy::WorkerView>& worker) {
    if (!worker) return "";
    return concat("# HELP odysseus_worker_up Whether the worker (--worker) can be used.\n"
                  "# TYPE odysseus_worker_up gauge\nodysseus_worker_up ",
                  worker->offer ? 1 : 0,
                  "\n# HELP odysseus_worker_losses_total Sessions with the worker that broke.\n"
                  "# TYPE odysseus_worker_losses_total counter\nodysseus_worker_losses_total ",
                  worker->losses, "\n");
}

std::string log_json(std::uint64_t next, const std::vector<std::string>& lines) {
    const Json document{{"next", next}, {"lines", lines}};
    return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace odysseus::commands
