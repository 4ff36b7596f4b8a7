// Output of llama-server as it was seen or posted: b11669 here (Debian's build), b6795 with Vulkan
// in ggml-org/llama.cpp issue 16659, two CUDA devices in ollama/ollama issue 16508.
#include "odysseus/builds/server_text.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::builds;

namespace {

std::vector<Device> devices(std::string_view text) {
    auto parsed = parse_devices(text);
    REQUIRE(parsed.has_value());
    return *parsed;
}

} // namespace

TEST_CASE("server text: versions, both shapes") {
    const auto old = parse_server_version("ggml_vulkan: Found 1 Vulkan devices:\n"
                                          "version: 9775 (be4a6a63e)\n"
                                          "built with GNU 13.3.0 for Linux x86_64\n");
    REQUIRE(old.has_value());
    CHECK(old->build == 9775);
    CHECK(old->commit == "be4a6a63e");
    CHECK_FALSE(old->version.has_value());

    const auto newer =
        parse_server_version("version: 0.4.1-dev (build 11064, commit a894dae93)\r\n");
    REQUIRE(newer.has_value());
    CHECK(newer->build == 11064);
    CHECK(newer->version == "0.4.1-dev");
    CHECK(newer->commit == "a894dae93");

    CHECK(parse_server_version("version: 0.7.0 (build 11669, commit Debian)")->build == 11669);
    CHECK(parse_server_version("version: 6795 (unknown)")->build == 6795);
    CHECK(parse_server_version("version: 1.0.0 (build 12000)")->build == 12000);
    for (const char* bad :
         {"", "version:", "version: 9775", "version: x (y)", "my version: 9775 (a)",
          "version: 99999999999 (a)", "error: unknown argument: --version",
          "./llama-server: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' "
          "not found (required by ./llama-server)"}) {
        INFO(bad);
        CHECK_FALSE(parse_server_version(bad).has_value());
    }
}

TEST_CASE("server text: devices with their memory") {
    const auto cuda =
        devices("ggml_cuda_init: found 2 CUDA devices (Total VRAM: 35936 MiB):\n"
                "Available devices:\n"
                "  CUDA0: NVIDIA GeForce RTX 3080 Ti (11909 MiB, 11650 MiB free)\n"
                "  CUDA1: NVIDIA RTX PRO 4000 Blackwell SFF Edition (24026 MiB, 23795 MiB free)\n"
                "  Device 0: NVIDIA GeForce RTX 3080 Ti, compute capability 8.6, VMM: yes, VRAM: "
                "11909 MiB\n");
    REQUIRE(cuda.size() == 2);
    CHECK(cuda[0].id == "CUDA0");
    CHECK(cuda[0].name == "NVIDIA GeForce RTX 3080 Ti");
    CHECK(cuda[0].backend == Backend::cuda);
    CHECK(cuda[0].is_gpu());
    CHECK(cuda[1].total_mib == 24026);
    CHECK(cuda[1].free_mib == 23795);
    CHECK(serves(cuda, Backend::cuda));
    CHECK_FALSE(serves(cuda, Backend::vulkan));
    CHECK(serves(cuda, Backend::cpu));

    const auto others =
        devices("Available devices:\r\n"
                "  MTL0: Apple M3 Max (27648 MiB, 27647 MiB free)\r\n"
                "  ROCm0: AMD Radeon RX 7900 XTX (24560 MiB, 24000 MiB free)\r\n"
                "  Vulkan0: AMD Radeon Graphics (RADV GFX1151) (64000 MiB, 70000 MiB free)\r\n"
                "  SYCL0: Intel(R) Arc(TM) A770 Graphics (15473 MiB, 15473 MiB free)\r\n"
                "  RPC0[127.0.0.1:50052]: 127.0.0.1:50052 (24105 MiB, 23718 MiB free)\r\n"
                "  BLAS: Accelerate (0 MiB, 0 MiB free)\r\n"
                "  Metal: Apple M1 (0 MiB, 0 MiB free)\r\n");
    REQUIRE(others.size() == 7);
    CHECK(others[0].backend == Backend::metal);
    CHECK(others[1].backend == Backend::rocm);
    CHECK(others[2].name == "AMD Radeon Graphics (RADV GFX1151)");
    CHECK(others[2].free_mib == 64000); // never more than there is
    CHECK(others[3].backend == Backend::sycl);
    CHECK(others[4].id == "RPC0[127.0.0.1:50052]");
    CHECK_FALSE(others[4].is_gpu());
    CHECK_FALSE(others[5].is_gpu());
    CHECK(others[6].backend == Backend::metal);
    CHECK_FALSE(others[6].total_mib.has_value());
}

TEST_CASE("server text: a software renderer is no GPU") {
    const auto list =
        devices("Available devices:\n"
                "  Vulkan0: llvmpipe (LLVM 21.1.8, 256 bits) (24105 MiB, 23718 MiB free)\n");
    REQUIRE(list.size() == 1);
    CHECK(list[0].name == "llvmpipe (LLVM 21.1.8, 256 bits)");
    CHECK(list[0].total_mib == 24105);
    CHECK(list[0].is_software);
    CHECK_FALSE(list[0].is_gpu());
    CHECK_FALSE(serves(list, Backend::vulkan));
    CHECK(
        devices(
            "Available devices:\n  Vulkan0: SwiftShader Device (Subzero) (100 MiB, 100 MiB free)\n")
            [0]
                .is_software);
    const auto both =
        devices("Available devices:\n"
                "  Vulkan0: llvmpipe (LLVM 15, 256 bits) (24105 MiB, 23718 MiB free)\n"
                "  Vulkan1: NVIDIA GeForce RTX 2060 (6144 MiB, 5136 MiB free)\n");
    CHECK(serves(both, Backend::vulkan));
}

TEST_CASE("server text: no device is an answer, no list is none") {
    CHECK(devices("Available devices:\n  (none)\n").empty());
    CHECK(devices("Available devices:\n").empty());
    CHECK_FALSE(parse_devices("").has_value());
    CHECK_FALSE(parse_devices("error: invalid argument: --list-devices\n").has_value());
    CHECK_FALSE(parse_devices("no Available devices: here\n").has_value());
    for (const char* line :
         {"  CUDA0: X (1 MiB)", "  CUDA0 X (1 MiB, 1 MiB free)", "CUDA0: X (1 MiB, 1 MiB free)",
          "  CUDA0: X (-1 MiB, 1 MiB free)", "  CUDA0: X (1 GiB, 1 GiB free)",
          "  : X (1 MiB, 1 MiB free)", "  (1 MiB, 1 MiB free)", "  CUDA0: X ()"}) {
        INFO(line);
        CHECK(devices(std::string("Available devices:\n") + line + "\n").empty());
    }
}
