#include "odysseus/server/launch_plan.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::server;
using Words = std::vector<std::string>;

namespace {

LaunchPlan plan_for(Backend backend) {
    LaunchPlan plan;
    plan.models_dir = "/h/models";
    plan.context = 16384;
    plan.backend = backend;
    return plan;
}

bool has(const Words& words, const std::string& word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

} // namespace

TEST_CASE("launch: the documented arguments in the documented order", "[launch]") {
    const Words documented = {
        "--port",     "10086", "--models-dir", "/h/models", "--models-max", "1", "--parallel", "1",
        "--ctx-size", "16384", "--threads",    "4",         "-ngl"};
    for (const auto& [backend, layers] :
         std::vector<std::pair<Backend, std::string>>{{Backend::cuda, "99"},
                                                      {Backend::rocm, "99"},
                                                      {Backend::vulkan, "99"},
                                                      {Backend::metal, "99"},
                                                      {Backend::cpu, "0"}}) {
        auto expected = documented;
        expected.insert(expected.end(), {layers, "--host", "127.0.0.1"});
        CHECK(launch_arguments(plan_for(backend)) == expected);
    }
}

TEST_CASE("launch: with a worker layers can go there, also where there is no GPU", "[launch]") {
    auto plan = plan_for(Backend::cpu);
    plan.worker = true;
    const auto words = launch_arguments(plan);
    CHECK(*(std::find(words.begin(), words.end(), "-ngl") + 1) == "99");
    plan.without_gpu = true;
    const auto on_cpu = launch_arguments(plan);
    CHECK(*(std::find(on_cpu.begin(), on_cpu.end(), "-ngl") + 1) == "0");
}

TEST_CASE("launch: what is added, and the user's own last", "[launch]") {
    auto plan = plan_for(Backend::cpu);
    plan.parallel = 4;
    plan.preset_file = "/h/data/models.ini";
    plan.user_arguments = {"--flash-attn", "on", "--port", "1"};
    const auto words = launch_arguments(plan);
    CHECK(Words(words.begin() + 14, words.end()) == Words{"--host", "127.0.0.1", "--kv-unified",
                                                          "--models-preset", "/h/data/models.ini",
                                                          "--flash-attn", "on", "--port", "1"});
    CHECK(has(words, "4"));
}

TEST_CASE("launch: for a model on the CPU alone no layer goes to the GPU", "[launch]") {
    auto plan = plan_for(Backend::cuda);
    const auto before = launch_arguments(plan);
    plan.without_gpu = true;
    auto words = launch_arguments(plan);
    const auto layers = std::find(words.begin(), words.end(), "-ngl") + 1;
    REQUIRE(layers != words.end());
    CHECK(*layers == "0");
    *layers = "99";
    CHECK(words == before);
}

TEST_CASE("launch: the environment is cleaned, not emptied", "[launch]") {
    LaunchEnvironment wanted;
    wanted.cache_dir = "/h/data/cache";
    wanted.api_key = "k";
    const Words kept = {"PATH=/bin",
                        "CUDA_VISIBLE_DEVICES=0",
                        "GGML_VK_VISIBLE_DEVICES=0",
                        "HSA_OVERRIDE_GFX_VERSION=10.3.0",
                        "VK_DRIVER_FILES=x",
                        "LLAMA_ARG_FLASH_ATTN=on",
                        "LLAMA_ARG_CACHE_TYPE_K=q8_0",
                        "NAME=a=b",
                        "LLAMA_ARGUMENT=1",
                        "LD_LIBRARY_PATH=/usr/local/lib",
                        "MY_HF_TOKEN=1",
                        "ODYSSEUS_HOME=/h"};
    const Words dropped = {"LLAMA_ARG_PORT=1",           "LLAMA_ARG_HOST=0.0.0.0",
                           "LLAMA_ARG_SSL_KEY_FILE=x",   "LLAMA_ARG_SSL_CERT_FILE=x",
                           "LLAMA_ARG_MODEL=m",          "LLAMA_ARG_HF_REPO=r",
                           "LLAMA_ARG_MODELS_DIR=d",     "LLAMA_ARG_MODELS_PRESET=p",
                           "LLAMA_ARG_CTX_SIZE=9",       "LLAMA_ARG_LOG_FILE=f",
                           "LLAMA_LOG_VERBOSITY=0",      "LLAMA_API_KEY=theirs",
                           "LLAMA_CACHE=theirs",         "HF_TOKEN=secret",
                           "GITHUB_TOKEN=secret",        "GH_TOKEN=secret",
                           "ODYSSEUS_API_KEY=secret",    "AIP_MODE=PREDICTION",
                           "LLAMA_SERVER_ROUTER_PORT=1", "LLAMA_ARG_API_PREFIX=/x"};
    auto ours = kept;
    ours.insert(ours.end(), dropped.begin(), dropped.end());
    const auto result = launch_environment(ours, wanted);
    for (const auto& entry : kept) {
        INFO(entry);
        CHECK(has(result, entry));
    }
    for (const auto& entry : dropped) {
        INFO(entry);
        CHECK_FALSE(has(result, entry));
    }
    CHECK(has(result, "LLAMA_CACHE=/h/data/cache"));
    CHECK(has(result, "LLAMA_API_KEY=k"));
    CHECK(has(result, "LLAMA_ARG_OFFLINE=1"));
    CHECK(has(result, "LLAMA_ARG_LOG_PREFIX=1"));
    CHECK(has(result, "GGML_NO_BACKTRACE=1"));
    CHECK(has(result, "LLAMA_ARG_CORS_ORIGINS=localhost"));
    CHECK(has(result, "LLAMA_ARG_LOG_JSONL=0"));
    CHECK(has(result, "LLAMA_ARG_LOG_VERBOSITY=3"));
    const auto chosen = launch_environment({"LLAMA_ARG_CORS_ORIGINS=https://a.example"}, wanted);
    CHECK(has(chosen, "LLAMA_ARG_CORS_ORIGINS=https://a.example"));
    CHECK_FALSE(has(chosen, "LLAMA_ARG_CORS_ORIGINS=localhost"));
}

TEST_CASE("launch: a library folder comes first on the loader's path", "[launch]") {
    LaunchEnvironment wanted;
    wanted.library_folders = {"/h/bin/b1"};
    CHECK(has(launch_environment({"LD_LIBRARY_PATH=/a:/b"}, wanted),
              "LD_LIBRARY_PATH=/h/bin/b1:/a:/b"));
    CHECK(has(launch_environment({"LD_LIBRARY_PATH="}, wanted), "LD_LIBRARY_PATH=/h/bin/b1"));
    CHECK(has(launch_environment({}, wanted), "LD_LIBRARY_PATH=/h/bin/b1"));
    wanted.library_folders = {"/h/bin/b1", "/opt/x/lib"};
    CHECK(has(launch_environment({"LD_LIBRARY_PATH=/a"}, wanted),
              "LD_LIBRARY_PATH=/h/bin/b1:/opt/x/lib:/a"));
    wanted.os = hardware::Os::windows;
    wanted.library_folders = {"C:\\h"};
    const auto result = launch_environment({"Path=C:\\w", "llama_arg_port=1"}, wanted);
    CHECK(has(result, "PATH=C:\\h;C:\\w"));
    CHECK_FALSE(has(result, "llama_arg_port=1"));
    CHECK_FALSE(has(launch_environment({"GGML_NO_BACKTRACE=0"}, wanted), "GGML_NO_BACKTRACE=1"));
    CHECK(has(launch_environment({}, wanted), "CUDA_DEVICE_ORDER=PCI_BUS_ID"));
    CHECK_FALSE(has(launch_environment({"CUDA_DEVICE_ORDER=FASTEST_FIRST"}, wanted),
                    "CUDA_DEVICE_ORDER=PCI_BUS_ID"));
}

TEST_CASE("launch: what opens a door, hides the log or parts the two is not passed on",
          "[launch]") {
    const Words doors = {"LLAMA_ARG_TOOLS=all",
                         "LLAMA_ARG_TOOLS_RUNTIME=ssh:x",
                         "LLAMA_ARG_AGENT=1",
                         "LLAMA_ARG_UI_MCP_PROXY=1",
                         "LLAMA_ARG_WEBUI_MCP_PROXY=1",
                         "LLAMA_ARG_MCP_SERVERS_JSON={}",
                         "LLAMA_ARG_STATIC_PATH=/",
                         "LLAMA_ARG_CORS_ORIGINS=*",
                         "LLAMA_ARG_MODELS_PRESET=p",
                         "LLAMA_APP_CMD=serve",
                         "LLAMA_ARG_EMBEDDINGS=1",
                         "LLAMA_ARG_LOG_JSONL=1",
                         "LLAMA_ARG_DRAFT_MAX=16",
                         "LLAMA_ARG_NO_MODELS_AUTOLOAD=1",
                         "LLAMA_ARG_NO_LOG_PREFIX=1",
                         "LLAMA_ARG_NO_KV_UNIFIED=1",
                         "LLAMA_ARG_SPEC_DRAFT_HF_REPO=a/b"};
    const Words harmless = {"LLAMA_ARG_NO_HOST=1", "LLAMA_ARG_UI=0", "LLAMA_ARG_MODELSX=1",
                            "LLAMA_ARG_N_PREDICT=9", "LLAMA_TRACE=1"};
    for (const auto& entry : doors) {
        INFO(entry);
        CHECK_FALSE(has(launch_environment({entry}, {}), entry));
        const auto name = entry.substr(0, entry.find('='));
        CHECK(withheld_settings({entry}, hardware::Os::linux) == Words{name});
    }
    for (const auto& entry : harmless) {
        INFO(entry);
        CHECK(has(launch_environment({entry}, {}), entry));
    }
    CHECK(withheld_settings(harmless, hardware::Os::linux).empty());
    // Secrets go in silence, and nothing is printed that a terminal would obey.
    CHECK(withheld_settings({"HF_TOKEN=s", "LLAMA_CACHE=c", "LLAMA_ARG_LOG_\x1b[2J=1"},
                            hardware::Os::linux)
              .empty());
}

TEST_CASE("launch: the user's config.ini of llama.cpp is not found, the rest beside it is",
          "[launch]") {
    LaunchEnvironment wanted;
    wanted.config_dir = "/h/data/no-config";
    auto result = launch_environment({"HOME=/u", "XDG_CONFIG_HOME=/u/cfg"}, wanted);
    CHECK(has(result, "XDG_CONFIG_HOME=/h/data/no-config"));
    CHECK_FALSE(has(result, "XDG_CONFIG_HOME=/u/cfg"));
    CHECK(has(result, "XDG_CONFIG_DIRS=/u/cfg:/etc/xdg"));
    result = launch_environment({"XDG_CONFIG_DIRS=/a:/b", "HOME=/u"}, wanted);
    CHECK(has(result, "XDG_CONFIG_DIRS=/u/.config:/a:/b"));
    CHECK(has(result, "HOME=/u"));
    wanted.os = hardware::Os::windows;
    result = launch_environment({"AppData=C:\\u"}, wanted);
    CHECK(has(result, "APPDATA=/h/data/no-config"));
    CHECK_FALSE(has(result, "AppData=C:\\u"));
}

TEST_CASE("launch: where the system has a config.ini, each setting that parts the two is overruled",
          "[launch]") {
    LaunchEnvironment wanted;
    CHECK_FALSE(has(launch_environment({}, wanted), "LLAMA_ARG_MODEL="));
    wanted.system_config = true;
    const auto result = launch_environment({"LLAMA_ARG_SPEC_DRAFT_MODEL=d.gguf"}, wanted);
    for (const char* entry : {"LLAMA_ARG_MODEL=", "LLAMA_ARG_HF_REPO=", "LLAMA_ARG_API_PREFIX=",
                              "LLAMA_ARG_SSL_KEY_FILE=", "LLAMA_ARG_AGENT=0",
                              "LLAMA_ARG_MODELS_AUTOLOAD=1", "LLAMA_ARG_SPEC_DRAFT_MODEL=d.gguf"}) {
        INFO(entry);
        CHECK(has(result, entry));
    }
}

TEST_CASE("launch: the unified program is told first what it is to do", "[launch]") {
    auto plan = plan_for(Backend::cpu);
    plan.unified_program = true;
    CHECK(launch_arguments(plan).front() == "serve");
}
