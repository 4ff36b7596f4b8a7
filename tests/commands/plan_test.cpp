#include "odysseus/base/text.hpp"
#include "odysseus/commands/plan_report.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

using namespace odysseus;
using namespace odysseus::commands;

namespace {

Plan example() {
    Plan plan;
    plan.hardware.backend = Backend::cuda;
    plan.hardware.cpu_model = "Ryzen";
    plan.hardware.cpu_cores = 16;
    plan.hardware.ram_mib = 65536;
    hardware::Gpu gpu;
    gpu.vendor = hardware::Vendor::nvidia;
    gpu.name = "RTX 4090";
    gpu.total_mib = 24576;
    gpu.free_mib = 23552;
    plan.hardware.gpus = {gpu};
    plan.build = PlannedBuild{
        "ggml-org/llama.cpp",
        "b11160",
        false,
        {{builds::FileRole::primary, "a.tar.gz", "https://h/a.tar.gz", 1024, std::nullopt},
         {builds::FileRole::runtime, "c.tar.gz", "https://h/c.tar.gz", std::nullopt, "ab"}},
        "because"};
    models::Model model;
    model.id = "org/x";
    model.names = {"x", "org/x"};
    model.size_bytes = 5LL << 30;
    model.kv = models::KvShape{{{32, 1024, 1024, 0}}, 0};
    plan.models = {model};
    plan.context.tokens = 16384;
    plan.context.source = "auto";
    plan.context.available_mib = 23552;
    plan.context.largest_model_mib = 5120;
    plan.context.overhead_mib = 2560;
    plan.context.kv_mib_per_4096 = 512.0;
    plan.context.estimated_max_tokens = 20000;
    plan.context.reason = "it fits";
    plan.argv = {"llama-server", "--models-dir", "/m o/d'els"};
    return plan;
}

} // namespace

TEST_CASE("plan: JSON has the documented keys, and null for what is not known") {
    const auto json = nlohmann::json::parse(plan_json(example()));
    CHECK(json["hardware"]["gpus"][0]["free_mib"] == 23552);
    CHECK(json["build"]["tag"] == "b11160");
    CHECK(json["build"]["installed"] == false);
    CHECK(json["build"]["files"][0]["role"] == "primary");
    CHECK(json["build"]["files"][0]["sha256"].is_null());
    CHECK(json["build"]["files"][1]["role"] == "runtime");
    CHECK(json["build"]["files"][1]["size"].is_null());
    for (const char* key : {"id", "names", "path", "size_bytes", "shards", "mmproj", "architecture",
                            "trained_context", "kv_bytes_per_token", "kv_fixed_bytes"}) {
        CHECK(json["models"][0].contains(key));
    }
    CHECK(json["models"][0]["mmproj"].is_null());
    for (const char* key :
         {"tokens", "source", "available_mib", "largest_model_mib", "overhead_mib",
          "kv_mib_per_4096", "parallel", "estimated_max_tokens", "reason"}) {
        CHECK(json["context"].contains(key));
    }
    CHECK(json["argv"][0] == "llama-server");

    auto nothing = example();
    nothing.build.reset();
    nothing.build_trouble = "no build fits";
    const auto without = nlohmann::json::parse(plan_json(nothing));
    CHECK(without["build"].is_null());
    CHECK(without["build_trouble"] == "no build fits");
}

TEST_CASE("plan: names that are no UTF-8 do not break the JSON") {
    auto plan = example();
    plan.models[0].path = "/m/\xff\xfe.gguf";
    CHECK_FALSE(nlohmann::json::parse(plan_json(plan), nullptr, false).is_discarded());
}

TEST_CASE("plan: the text says each figure, and the command can be pasted") {
    const auto text = plan_text(example());
    for (const char* said :
         {"RTX 4090 (23.0 GiB free of 24.0 GiB)", "16 cores", "64.0 GiB RAM", "b11160",
          "to be downloaded", "a.tar.gz (1.0 KiB), without a digest", "because", "org/x",
          "16384 tokens (auto): it fits", "'/m o/d'\\''els'"}) {
        INFO(text);
        CHECK(text.find(said) != std::string::npos);
    }
}

TEST_CASE("plan: on Windows the command is one for cmd.exe") {
    Plan plan;
    plan.hardware.os = odysseus::hardware::Os::windows;
    plan.argv = {"llama-server", "--models-dir", R"(D:\my models)", "--models-preset",
                 R"(D:\data\models.ini)"};
    CHECK(plan_text(plan).ends_with("llama-server --models-dir \"D:\\my models\" --models-preset "
                                    "D:\\data\\models.ini\n"));
    CHECK(plan_text(plan, 60).find("\"D:\\my models\" ^\n") != std::string::npos);
}

TEST_CASE("plan: on a terminal no word and no argument is broken, and the command can be pasted") {
    auto plan = example();
    plan.argv = {
        "llama-server", "--port", "10086",      "--models-dir", "/home/somebody/odysseus/models",
        "--parallel",   "1",      "--ctx-size", "32768",        "--host",
        "127.0.0.1"};
    const auto text = plan_text(plan, 60);
    CAPTURE(text);
    for (const auto line : lines_of(text))
        CHECK(line.size() <= 60);
    const auto command = text.substr(text.find("command   ") + 10);
    CHECK(command == "llama-server --port 10086 \\\n"
                     "          --models-dir /home/somebody/odysseus/models \\\n"
                     "          --parallel 1 --ctx-size 32768 --host 127.0.0.1\n");
}

TEST_CASE("plan: idle cores are told where only they compute") {
    hardware::Machine machine;
    machine.cpu_cores = 16;
    CHECK(threads_note(machine, Backend::cpu, false).find("4 of 16 cores") == 0);
    CHECK(threads_note(machine, Backend::cpu, true).empty());
    CHECK(threads_note(machine, Backend::cuda, false).empty());
    machine.cpu_cores = 4;
    CHECK(threads_note(machine, Backend::cpu, false).empty());
    machine.cpu_cores.reset();
    CHECK(threads_note(machine, Backend::cpu, false).empty());
}
