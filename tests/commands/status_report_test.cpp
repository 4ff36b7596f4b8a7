#include "commands/status_report.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

using namespace odysseus;
using namespace odysseus::commands;

TEST_CASE(
    "status: the documented keys, the context of now, and why it is not the one of the start") {
    Plan plan;
    plan.context.tokens = 32768;
    plan.context.reason = "room for more";
    StatusReport report;
    report.state = "ready";
    report.context_tokens = 32768;
    auto json = nlohmann::json::parse(status_json(report, plan));
    for (const char* key :
         {"version", "state", "generation", "uptime_s", "context", "hardware", "build", "models",
          "llama_server", "restarts", "oom_steps", "requests", "throughput"}) {
        INFO(key);
        CHECK(json.contains(key));
    }
    CHECK(json["context"]["reason"] == "room for more");
    CHECK(json["llama_server"]["pid"].is_null());
    CHECK(json["requests"].contains("replayed"));

    CHECK(json["throughput"]["tokens_total"].is_null()); // unknown is no zero

    CHECK(json["peers"].empty());
    proxy::PeerStatus peer;
    peer.name = "box";
    peer.url = "http://box:8080";
    peer.view.answers = true;
    peer.view.models = {{"a", true, proxy::PeerFit::partly, 4096},
                        {"b", false, proxy::PeerFit::yes, {}}};
    report.peers = {peer};
    CHECK(nlohmann::json::parse(status_json(report, plan))["worker"].is_null());
    plan.worker = proxy::WorkerView{.name = "box:7443", .losses = 2};
    json = nlohmann::json::parse(status_json(report, plan))["worker"];
    CHECK(json["state"] == "unreachable");
    CHECK(json["reason"] == "it was not asked yet");
    CHECK(json["free_mib"].is_null());
    plan.worker->offer = proxy::WorkerOffer{"b1", "8.0.0", {{"CPU", "", 2048, 1024}}};
    json = nlohmann::json::parse(status_json(report, plan))["worker"];
    CHECK(json["state"] == "ready");
    CHECK(json["free_mib"] == 1024);
    CHECK(worker_metrics(std::nullopt).empty());
    CHECK(worker_metrics(plan.worker).find("\nodysseus_worker_up 1\n") != std::string::npos);
    CHECK(worker_metrics(plan.worker).ends_with("\nodysseus_worker_losses_total 2\n"));
    json = nlohmann::json::parse(status_json(report, plan))["peers"][0];
    CHECK(json["state"] == "ready");
    CHECK(json["odysseus"].is_null());
    CHECK(json["round_trip_ms"].is_null());
    CHECK(json["models"][0]["fits"] == "partly");
    CHECK(json["models"][0]["context"] == 4096);
    report.peers[0].left_out = true;
    CHECK(nlohmann::json::parse(status_json(report, plan))["peers"][0]["state"] == "left_out");
    report.peers[0].view.answers = false;
    json = nlohmann::json::parse(status_json(report, plan));
    CHECK(json["peers"][0]["state"] == "unreachable");

    CHECK(json["hardware"]["notes"].empty());
    report.gpu_unused = "ggml_vulkan: No devices found.";
    json = nlohmann::json::parse(status_json(report, plan));
    REQUIRE(json["hardware"]["notes"].size() == 1);
    CHECK(json["hardware"]["notes"][0].get<std::string>().find("No devices found") !=
          std::string::npos);

    report.tokens = {400, 29, true};
    report.context_tokens = 8192;
    report.llama_pid = 7;
    json = nlohmann::json::parse(status_json(report, plan));
    CHECK(json["throughput"]["tokens_total"] == 400);
    CHECK(json["throughput"]["prompt_tokens_total"] == 29);
    CHECK(json["context"]["tokens"] == 8192);
    CHECK(json["context"]["start_tokens"] == 32768);
    CHECK(json["context"]["reason"].get<std::string>().find("memory ran out") != std::string::npos);
    CHECK(json["llama_server"]["pid"] == 7);
}
