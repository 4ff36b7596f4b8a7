#include "odysseus/logic/server_report.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;

TEST_CASE("server_report: the build's tag, old wording and new") {
    struct Case {
        const char* text;
        const char* tag;
    };
    for (const auto& [text, tag] : std::initializer_list<Case>{
             // llama-server 0.7.0 of Debian, on stderr
             {"version: 0.7.0 (build 11669, commit Debian)\nbuilt with GNU 15.2.0\n", "b11669"},
             {"version: 0.4.1-dev (build 11064, commit a894dae93)\n", "b11064"},
             {"version: 9775 (be4a6a63e)\r\nbuilt with cc\r\n", "b9775"},
             {"ggml_cuda_init: found 1 CUDA devices:\nversion: 4500 (abc)\n", "b4500"},
         }) {
        CHECK(version_tag(text) == tag);
    }
    for (const char* text : {"", "version: 0.7.0\n", "version: 0 (unknown)\n", "build 11669",
                             "version: 99999999 (x)", "error: version\n"}) {
        INFO(text);
        CHECK_FALSE(version_tag(text).has_value());
    }
}

TEST_CASE("server_report: devices, real ones and those in name only") {
    const auto cuda =
        listed_devices("ggml_cuda_init: found 1 CUDA devices:\n"
                       "  Device 0: NVIDIA GeForce RTX 4090, compute capability 8.9\n"
                       "Available devices:\n"
                       "  CUDA0: NVIDIA GeForce RTX 4090 (24217 MiB, 23000 MiB free)\n");
    REQUIRE(cuda);
    REQUIRE(cuda->size() == 1);
    CHECK(cuda->front().id == "CUDA0");
    CHECK(cuda->front().backend == Backend::cuda);
    CHECK(serves(*cuda, Backend::cuda));
    CHECK_FALSE(serves(*cuda, Backend::vulkan));
    CHECK(serves(*cuda, Backend::cpu));

    // llama-server b11669 with Mesa's software Vulkan
    const auto software =
        listed_devices("Available devices:\n"
                       "  Vulkan0: llvmpipe (LLVM 21.1.8, 256 bits) (24105 MiB, 23718 MiB free)\n");
    REQUIRE(software->size() == 1);
    CHECK(software->front().software);
    CHECK_FALSE(serves(*software, Backend::vulkan));

    const auto both = listed_devices("Available devices:\n"
                                     "  Vulkan0: AMD Radeon RX 7900 XTX (RADV NAVI31) (24560 MiB)\n"
                                     "  Vulkan1: llvmpipe (LLVM 15.0.7, 256 bits) (1 MiB)\n");
    CHECK(serves(*both, Backend::vulkan));

    const auto none = listed_devices("Available devices:\n  (none)\n"); // b11669 on a CPU machine
    REQUIRE(none);
    CHECK(none->empty());
    CHECK_FALSE(serves(*none, Backend::cuda));

    const auto other = listed_devices("Available devices:\n  RPC0[127.0.0.1:50052]: RPC (1 MiB)\n");
    REQUIRE(other->size() == 1);
    CHECK_FALSE(other->front().backend.has_value());

    CHECK_FALSE(listed_devices("error: invalid argument: --list-devices\n").has_value());
    CHECK_FALSE(listed_devices("").has_value());
}
