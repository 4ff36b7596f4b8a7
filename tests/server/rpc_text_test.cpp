#include "odysseus/server/rpc_text.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus::server;

TEST_CASE("rpc text: what b11669 says") { // captured, Debian's build without a GPU
    const auto facts = rpc_facts("load_backend: loaded RPC backend from /x/libggml-rpc.so\n"
                                 "load_backend: loaded CPU backend from /x/libggml-cpu-zen4.so\n"
                                 "Starting RPC server v8.0.0\n"
                                 "  endpoint       : 127.0.0.1:50999\n"
                                 "  local cache    : /x/cache/rpc\n"
                                 "Devices:\n"
                                 "  CPU: AMD EPYC (24105 MiB, 24105 MiB free)\n"
                                 "  transport      : TCP\n");
    CHECK(facts.begins);
    CHECK(facts.protocol == "8.0.0");
    CHECK(facts.devices == std::vector<RpcDevice>{{"CPU", "AMD EPYC", 24105, 24105}});
}

TEST_CASE("rpc text: several devices, and names with brackets") {
    const auto facts = rpc_facts("Starting RPC server v7.0.1\r\nDevices:\r\n"
                                 "  CUDA0: NVIDIA X (Ti): Y (24564 MiB, 23000 MiB free)\r\n"
                                 "  Vulkan1:  (8192 MiB, 0 MiB free)\r\n");
    REQUIRE(facts.devices.size() == 2);
    CHECK(facts.devices[0] == RpcDevice{"CUDA0", "NVIDIA X (Ti): Y", 24564, 23000});
    CHECK(facts.devices[1] == RpcDevice{"Vulkan1", "", 8192, 0});
}

TEST_CASE("rpc text: what is no such line") {
    CHECK_FALSE(rpc_facts("").begins);
    CHECK_FALSE(rpc_facts("Starting RPC server v8.0.0\nDevices:\n").begins);
    for (const char* line : {"CPU: X (1 MiB, 1 MiB free)", "  CPU: X (1 MiB 1 MiB free)",
                             "  CPU: X (a MiB, 1 MiB free)", "   (1 MiB, 1 MiB free)",
                             "  CPU: X (1 MiB, 1 MiB free) ", "  (: 1 MiB, 1 MiB free)"})
        CHECK(rpc_facts(line).devices.empty());
}
