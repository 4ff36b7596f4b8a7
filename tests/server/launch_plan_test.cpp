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

TEST_CASE("launch: with a context for each model, argv has none", "[launch]") {
    auto plan = plan_for(Backend::cuda);
    plan.per_model_context = true;
    plan.preset_file = "p.ini";
    CHECK(launch_arguments(plan) == Words{"--port", "10086", "--models-dir", "/h/models",
                                          "--models-max", "1", "--parallel", "1", "--threads", "4",
                                          "--host", "127.0.0.1", "--models-preset", "p.ini"});
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
}
