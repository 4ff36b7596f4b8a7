// The whole table: machines over the release lists of seven eras, each release alone, ai-dock's
// list at hand. Every cell is written out: the first choice's files, "none" where nothing may be
// chosen.
#include "odysseus/builds/asset_choice.hpp"
#include "odysseus/hardware/machine_json.hpp"

#include "release_data.hpp"

#include <array>
#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::hardware;
using namespace odysseus::builds;

namespace {

constexpr std::array k_eras{"b4585", "b6801", "b7400", "b8700", "b9775", "b10356", "b11160"};

struct Row {
    const char* machine;
    std::array<const char*, 7> first; // without "llama-TAG-bin-"
};

// Linux x64
constexpr auto k_lz = "ubuntu-x64.zip";
constexpr auto k_l = "ubuntu-x64.tar.gz";
constexpr auto k_lvz = "ubuntu-vulkan-x64.zip";
constexpr auto k_lv = "ubuntu-vulkan-x64.tar.gz";
constexpr auto k_l128 = "ubuntu-cuda-12.8-x64.tar.gz + "
                        "cudart-llama-b11160-bin-ubuntu-cuda-12.8-x64.tar.gz";
constexpr auto k_l134 = "ubuntu-cuda-13.4-x64.tar.gz + "
                        "cudart-llama-b11160-bin-ubuntu-cuda-13.4-x64.tar.gz";
constexpr auto k_r72 = "ubuntu-rocm-7.2-x64.tar.gz";
constexpr auto k_r714 = "ubuntu-rocm-7.14-x64.tar.gz";
constexpr auto k_r10 = "ubuntu-rocm-10.0-x64.tar.gz";
constexpr auto k_s = "ubuntu-sycl-fp32-x64.tar.gz";
constexpr auto k_ai = "llama.cpp-b10099-cuda-12.8-amd64.tar.gz (ai-dock)";
constexpr auto k_ai9 = "llama.cpp-b9775-cuda-12.8-amd64.tar.gz (ai-dock)";
constexpr auto k_ai8 = "llama.cpp-b8700-cuda-12.8-amd64.tar.gz (ai-dock)";
// Linux arm64
constexpr auto k_a = "ubuntu-arm64.tar.gz";
constexpr auto k_av = "ubuntu-vulkan-arm64.tar.gz";
constexpr auto k_a134 = "ubuntu-cuda-13.4-arm64.tar.gz + "
                        "cudart-llama-b11160-bin-ubuntu-cuda-13.4-arm64.tar.gz";
constexpr auto k_aai = "llama.cpp-b10099-cuda-12.8-arm64.tar.gz (ai-dock)";
constexpr auto k_aai9 = "llama.cpp-b9775-cuda-12.8-arm64.tar.gz (ai-dock)";
constexpr auto k_aai8 = "llama.cpp-b8700-cuda-12.8-arm64.tar.gz (ai-dock)";
// macOS
constexpr auto k_maz = "macos-arm64.zip";
constexpr auto k_ma = "macos-arm64.tar.gz";
constexpr auto k_mxz = "macos-x64.zip";
constexpr auto k_mx = "macos-x64.tar.gz";
// Windows x64
constexpr auto k_wavx2 = "win-avx2-x64.zip";
constexpr auto k_w = "win-cpu-x64.zip";
constexpr auto k_wv = "win-vulkan-x64.zip";
constexpr auto k_wcu117 = "win-cuda-cu11.7-x64.zip + cudart-llama-bin-win-cu11.7-x64.zip";
constexpr auto k_wcu124 = "win-cuda-cu12.4-x64.zip + cudart-llama-bin-win-cu12.4-x64.zip";
constexpr auto k_w124 = "win-cuda-12.4-x64.zip + cudart-llama-bin-win-cuda-12.4-x64.zip";
constexpr auto k_w131 = "win-cuda-13.1-x64.zip + cudart-llama-bin-win-cuda-13.1-x64.zip";
constexpr auto k_w133 = "win-cuda-13.3-x64.zip + cudart-llama-bin-win-cuda-13.3-x64.zip";
constexpr auto k_w134 = "win-cuda-13.4-x64.zip + cudart-llama-bin-win-cuda-13.4-x64.zip";
constexpr auto k_whip = "win-hip-radeon-x64.zip";
constexpr auto k_whip1100 = "win-hip-x64-gfx1100.zip";
constexpr auto k_wr714 = "win-rocm-7.14-x64.zip";
constexpr auto k_wr10 = "win-rocm-10.0-x64.zip";
constexpr auto k_ws = "win-sycl-x64.zip";
// Windows arm64
constexpr auto k_wallvm = "win-llvm-arm64.zip";
constexpr auto k_wa = "win-cpu-arm64.zip";
constexpr auto k_wa134 = "win-cuda-13.4-arm64.zip + cudart-llama-bin-win-cuda-13.4-arm64.zip";
constexpr auto k_none = "none";

// b4585, b6801, b7400, b8700, b9775, b10356, b11160
const Row k_rows[] = {
    // --- Linux x64, no NVIDIA
    {R"({"os":"linux","arch":"x64","glibc":"2.36","vulkan":false})",
     {k_lz, k_lz, k_l, k_l, k_l, k_l, k_l}},
    {R"({"os":"linux","arch":"x64"})", {k_lz, k_lz, k_l, k_l, k_l, k_l, k_l}},
    {R"({"os":"linux","arch":"x64","backend":"cpu","vulkan":true,"gpus":[{"vendor":"nvidia"}]})",
     {k_lz, k_lz, k_l, k_l, k_l, k_l, k_l}},
    {R"({"os":"linux","arch":"x64","glibc":"2.34"})", {k_lz, k_lz, k_l, k_l, k_l, k_l, k_l}},
    {R"({"os":"linux","arch":"x64","glibc":"2.31","vulkan":true})",
     {k_none, k_none, k_none, k_none, k_none, k_none, k_none}},
    {R"({"os":"linux","arch":"x64","glibc":"none"})",
     {k_none, k_none, k_none, k_none, k_none, k_none, k_none}},
    {R"({"os":"linux","arch":"x64","vulkan":true,"gpus":[{"vendor":"intel"}]})",
     {k_lz, k_lvz, k_lv, k_lv, k_lv, k_lv, k_lv}},
    {R"({"os":"linux","arch":"x64","vulkan":true})", {k_lz, k_lvz, k_lv, k_lv, k_lv, k_lv, k_lv}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"amd","gfx":"gfx1100"}],"vulkan":true})",
     {k_lz, k_lvz, k_lv, k_lv, k_lv, k_lv, k_lv}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"amd"}],"vulkan":false})",
     {k_lz, k_lz, k_l, k_l, k_l, k_l, k_l}},
    // --- Linux x64, AMD with a ROCm runtime: only of the build's major, and glibc 2.38
    {R"({"os":"linux","arch":"x64","glibc":"2.39","gpus":[{"vendor":"amd"}],"rocm":"7.2","vulkan":true})",
     {k_lz, k_lvz, k_lv, k_r72, k_r72, k_r714, k_lv}},
    {R"({"os":"linux","arch":"x64","glibc":"2.41","gpus":[{"vendor":"amd"}],"rocm":"10.0.1","vulkan":true})",
     {k_lz, k_lvz, k_lv, k_lv, k_lv, k_lv, k_r10}},
    {R"({"os":"linux","arch":"x64","glibc":"2.39","gpus":[{"vendor":"amd"}],"rocm":"6.4.1","vulkan":true})",
     {k_lz, k_lvz, k_lv, k_lv, k_lv, k_lv, k_lv}},
    {R"({"os":"linux","arch":"x64","glibc":"2.36","gpus":[{"vendor":"amd"}],"rocm":"7.2","vulkan":true})",
     {k_lz, k_lvz, k_lv, k_lv, k_lv, k_lv, k_lv}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"amd"}],"rocm":"10","vulkan":false})",
     {k_lz, k_lz, k_l, k_l, k_l, k_l, k_r10}},
    // --- Linux x64, Intel with oneAPI and no Vulkan loader: SYCL, made on Ubuntu 24.04
    // (glibc 2.38)
    {R"({"os":"linux","arch":"x64","glibc":"2.39","gpus":[{"vendor":"intel"}],"vulkan":false,"sycl":"8"})",
     {k_lz, k_lz, k_l, k_l, k_s, k_s, k_s}},
    {R"({"os":"linux","arch":"x64","glibc":"2.39","gpus":[{"vendor":"intel"}],"vulkan":true,"sycl":"8"})",
     {k_lz, k_lvz, k_lv, k_lv, k_lv, k_lv, k_lv}},
    {R"({"os":"linux","arch":"x64","glibc":"2.36","gpus":[{"vendor":"intel"}],"vulkan":false,"sycl":"8"})",
     {k_lz, k_lz, k_l, k_l, k_l, k_l, k_l}},
    // of oneAPI 2024, 2026 (a try), none, no Intel GPU
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"intel"}],"vulkan":false,"sycl":"7"})",
     {k_lz, k_lz, k_l, k_l, k_l, k_l, k_l}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"intel"}],"vulkan":false,"sycl":"9"})",
     {k_lz, k_lz, k_l, k_l, k_s, k_s, k_s}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"intel"}],"vulkan":false,"sycl":"none"})",
     {k_lz, k_lz, k_l, k_l, k_l, k_l, k_l}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"amd"}],"vulkan":false,"sycl":"8"})",
     {k_lz, k_lz, k_l, k_l, k_l, k_l, k_l}},
    {R"({"os":"linux","arch":"x64","backend":"sycl"})", {k_lz, k_lvz, k_lv, k_lv, k_s, k_s, k_s}},
    // --- Linux x64, NVIDIA: 4090, 5090, 3090 with old drivers
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","driver":"580.65.06","cuda":"13.0","compute_capability":"8.9"}]})",
     {k_ai, k_ai, k_ai, k_ai8, k_ai9, k_ai, k_l134}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","driver":"610.43.02","cuda":"13.3","compute_capability":"8.9"}]})",
     {k_ai, k_ai, k_ai, k_ai8, k_ai9, k_ai, k_l134}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","driver":"580.65.06","compute_capability":"12.0"}]})",
     {k_ai, k_ai, k_ai, k_ai8, k_ai9, k_ai, k_l134}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","driver":"570.86.10","cuda":"12.8","compute_capability":"12.0"}]})",
     {k_ai, k_ai, k_ai, k_ai8, k_ai9, k_ai, k_l128}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","driver":"535.183.01","cuda":"12.2","compute_capability":"8.6"}],"vulkan":true})",
     {k_lz, k_lvz, k_lv, k_lv, k_lv, k_lv, k_l128}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","driver":"525.60.13","compute_capability":"8.6"}],"vulkan":false})",
     {k_lz, k_lz, k_l, k_l, k_l, k_l, k_l128}},
    // PTX only from here: the driver must be as new as the build
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","driver":"580.65.06","cuda":"13.0","compute_capability":"7.5"}]})",
     {k_ai, k_ai, k_ai, k_ai8, k_ai9, k_ai, k_l128}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","driver":"580.65.06","cuda":"13.0","compute_capability":"8.0"}]})",
     {k_ai, k_ai, k_ai, k_ai8, k_ai9, k_ai, k_l128}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","driver":"620.10","cuda":"13.4","compute_capability":"8.0"}]})",
     {k_ai, k_ai, k_ai, k_ai8, k_ai9, k_ai, k_l134}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","driver":"560.35.03","cuda":"12.6","compute_capability":"9.0"}],"vulkan":true})",
     {k_lz, k_lvz, k_lv, k_lv, k_lv, k_lv, k_lv}},
    // Pascal: CUDA 13 and ai-dock have dropped it; 12.8 has not
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","driver":"580.65.06","cuda":"13.0","compute_capability":"6.1"}],"vulkan":true})",
     {k_lz, k_lvz, k_lv, k_lv, k_lv, k_lv, k_l128}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","driver":"470.256.02","cuda":"11.4","compute_capability":"6.1"}],"vulkan":true})",
     {k_lz, k_lvz, k_lv, k_lv, k_lv, k_lv, k_lv}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","driver":"470.256.02","compute_capability":"3.7"}],"vulkan":false})",
     {k_lz, k_lz, k_l, k_l, k_l, k_l, k_l}},
    // Volta: PTX of 12.8, which its last driver takes
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","driver":"580.65.06","cuda":"13.0","compute_capability":"7.0"}],"vulkan":true})",
     {k_lz, k_lvz, k_lv, k_lv, k_lv, k_lv, k_l128}},
    // not known: the most compatible
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia"}]})",
     {k_ai, k_ai, k_ai, k_ai8, k_ai9, k_ai, k_l128}},
    {R"({"os":"linux","arch":"x64","backend":"cuda"})",
     {k_ai, k_ai, k_ai, k_ai8, k_ai9, k_ai, k_l128}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","driver":"580.65.06"}]})",
     {k_ai, k_ai, k_ai, k_ai8, k_ai9, k_ai, k_l128}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","driver":"620.10","cuda":"13.4"}]})",
     {k_ai, k_ai, k_ai, k_ai8, k_ai9, k_ai, k_l134}},
    // two GPUs: the build that serves both; an unusable second one does not hold back the first
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","cuda":"13.0","compute_capability":"8.9"},{"vendor":"nvidia","compute_capability":"6.1"}]})",
     {k_ai, k_ai, k_ai, k_ai8, k_ai9, k_ai, k_l128}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","cuda":"13.0","compute_capability":"8.9"},{"vendor":"nvidia","compute_capability":"3.5"}]})",
     {k_ai, k_ai, k_ai, k_ai8, k_ai9, k_ai, k_l134}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"intel"},{"vendor":"nvidia","cuda":"13.0","compute_capability":"8.6"}]})",
     {k_ai, k_ai, k_ai, k_ai8, k_ai9, k_ai, k_l134}},
    {R"({"os":"linux","arch":"x64","glibc":"2.31","gpus":[{"vendor":"nvidia","cuda":"13.0","compute_capability":"8.9"}]})",
     {k_none, k_none, k_none, k_none, k_none, k_none, k_none}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"intel"},{"vendor":"nvidia","cuda":"11.4","compute_capability":"3.7"}],"vulkan":false,"sycl":"8"})",
     {k_lz, k_lz, k_l, k_l, k_l, k_l, k_l}},
    // --- a MIG instance (driver 550: too old for 12.8's PTX), an Arc that tells no memory, NixOS,
    // Alpine, an Orin with JetPack 6 (Ubuntu 22.04)
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","name":"NVIDIA H100 NVL MIG 1g.24gb","total_mib":24064,"driver":"550.127.08","cuda":"12.4","compute_capability":"9.0"}],"vulkan":true})",
     {k_lz, k_lvz, k_lv, k_lv, k_lv, k_lv, k_lv}},
    {R"({"os":"linux","arch":"x64","gpus":[{"vendor":"intel","name":"Arc B580","unified_memory":false}],"vulkan":true})",
     {k_lz, k_lvz, k_lv, k_lv, k_lv, k_lv, k_lv}},
    {R"({"os":"linux","arch":"x64","distribution":"nixos","glibc":"2.40","vulkan":true})",
     {k_lz, k_lvz, k_lv, k_lv, k_lv, k_lv, k_lv}},
    {R"({"os":"linux","arch":"x64","distribution":"alpine","glibc":"none","vulkan":true})",
     {k_none, k_none, k_none, k_none, k_none, k_none, k_none}},
    {R"({"os":"linux","arch":"arm64","glibc":"2.35","gpus":[{"vendor":"nvidia","name":"Orin","cuda":"12.6","compute_capability":"8.7","unified_memory":true}],"vulkan":true})",
     {k_none, k_none, k_none, k_none, k_none, k_none, k_none}},
    // --- Linux arm64: never an x64 file
    {R"({"os":"linux","arch":"arm64","glibc":"2.39"})",
     {k_none, k_none, k_none, k_a, k_a, k_a, k_a}},
    {R"({"os":"linux","arch":"arm64","glibc":"2.36"})",
     {k_none, k_none, k_none, k_none, k_none, k_none, k_none}},
    {R"({"os":"linux","arch":"arm64","vulkan":true})",
     {k_none, k_none, k_none, k_av, k_av, k_av, k_av}},
    {R"({"os":"linux","arch":"arm64","glibc":"2.39","gpus":[{"vendor":"nvidia","name":"NVIDIA GB10","driver":"580.126.09","cuda":"13.0","compute_capability":"12.1"}]})",
     {k_aai, k_aai, k_aai, k_aai8, k_aai9, k_aai, k_a134}},
    {R"({"os":"linux","arch":"arm64","gpus":[{"vendor":"nvidia"}]})",
     {k_aai, k_aai, k_aai, k_aai8, k_aai9, k_aai, k_a134}},
    {R"({"os":"linux","arch":"arm64","gpus":[{"vendor":"nvidia","driver":"570.86.15","compute_capability":"9.0"}]})",
     {k_aai, k_aai, k_aai, k_aai8, k_aai9, k_aai, k_aai}},
    {R"({"os":"linux","arch":"arm64","glibc":"2.36","gpus":[{"vendor":"nvidia","driver":"580.95","compute_capability":"9.0"}]})",
     {k_aai, k_aai, k_aai, k_aai8, k_aai9, k_aai, k_aai}},
    {R"({"os":"linux","arch":"arm64","glibc":"2.39","gpus":[{"vendor":"intel"}],"vulkan":false,"sycl":"8"})",
     {k_none, k_none, k_none, k_a, k_a, k_a, k_a}},
    // --- macOS
    {R"({"os":"macos","arch":"arm64","gpus":[{"vendor":"apple"}]})",
     {k_maz, k_maz, k_ma, k_ma, k_ma, k_ma, k_ma}},
    {R"({"os":"macos","arch":"arm64","backend":"cpu"})",
     {k_maz, k_maz, k_ma, k_ma, k_ma, k_ma, k_ma}},
    {R"({"os":"macos","arch":"x64"})", {k_mxz, k_mxz, k_mx, k_mx, k_mx, k_mx, k_mx}},
    {R"({"os":"macos","arch":"x64","gpus":[{"vendor":"amd"}],"vulkan":true,"backend":"vulkan"})",
     {k_mxz, k_mxz, k_mx, k_mx, k_mx, k_mx, k_mx}},
    {R"({"os":"macos","arch":"arm64","os_version":"15.5","gpus":[{"vendor":"apple"}]})",
     {k_maz, k_maz, k_ma, k_ma, k_ma, k_ma, k_ma}},
    // --- Windows x64
    {R"({"os":"win","arch":"x64","vulkan":false})", {k_wavx2, k_w, k_w, k_w, k_w, k_w, k_w}},
    {R"({"os":"win","arch":"x64","vulkan":true,"gpus":[{"vendor":"intel"}]})",
     {k_wv, k_wv, k_wv, k_wv, k_wv, k_wv, k_wv}},
    {R"({"os":"win","arch":"x64","gpus":[{"vendor":"amd"}]})",
     {k_wv, k_wv, k_wv, k_wv, k_wv, k_wv, k_wv}},
    {R"({"os":"win","arch":"x64","gpus":[{"vendor":"nvidia","driver":"581.15","cuda":"13.0","compute_capability":"8.9"}]})",
     {k_wcu124, k_w124, k_w131, k_w131, k_w133, k_w133, k_w134}},
    {R"({"os":"win","arch":"x64","gpus":[{"vendor":"nvidia","driver":"560.94","cuda":"12.6","compute_capability":"6.1"}]})",
     {k_wcu124, k_w124, k_w124, k_w124, k_w124, k_w124, k_w124}},
    {R"({"os":"win","arch":"x64","gpus":[{"vendor":"nvidia","driver":"572.16","cuda":"12.8","compute_capability":"12.0"}]})",
     {k_wcu124, k_w124, k_w124, k_w124, k_w124, k_w124, k_w124}},
    {R"({"os":"win","arch":"x64","gpus":[{"vendor":"nvidia","driver":"537.58","cuda":"12.2","compute_capability":"8.6"}],"vulkan":true})",
     {k_wcu124, k_w124, k_w124, k_w124, k_w124, k_w124, k_w124}},
    {R"({"os":"win","arch":"x64","gpus":[{"vendor":"nvidia","driver":"537.58","cuda":"12.2","compute_capability":"7.5"}],"vulkan":true})",
     {k_wcu117, k_wv, k_wv, k_wv, k_wv, k_wv, k_wv}},
    {R"({"os":"win","arch":"x64","gpus":[{"vendor":"nvidia","driver":"591.44","cuda":"13.1","compute_capability":"7.5"}]})",
     {k_wcu124, k_w124, k_w131, k_w131, k_w124, k_w124, k_w124}},
    {R"({"os":"win","arch":"x64","gpus":[{"vendor":"nvidia"}]})",
     {k_wcu117, k_w124, k_w124, k_w124, k_w124, k_w124, k_w124}},
    {R"({"os":"win","arch":"x64","backend":"cuda"})",
     {k_wcu117, k_w124, k_w124, k_w124, k_w124, k_w124, k_w124}},
    {R"({"os":"win","arch":"x64","gpus":[{"vendor":"amd","gfx":"gfx1100"}],"rocm":"7","vulkan":true})",
     {k_whip1100, k_whip, k_whip, k_whip, k_whip, k_wr714, k_wv}},
    {R"({"os":"win","arch":"x64","gpus":[{"vendor":"amd","gfx":"gfx1200"}],"rocm":"10","vulkan":true})",
     {k_wv, k_wv, k_wv, k_wv, k_wv, k_wv, k_wr10}},
    {R"({"os":"win","arch":"x64","gpus":[{"vendor":"intel"}],"vulkan":false,"sycl":"driver"})",
     {k_ws, k_ws, k_ws, k_ws, k_ws, k_ws, k_ws}},
    {R"({"os":"win","arch":"x64","gpus":[{"vendor":"intel"}],"vulkan":false,"sycl":"none"})",
     {k_wavx2, k_w, k_w, k_w, k_w, k_w, k_w}},
    // --- Windows arm64: no x64 file, whatever the GPU
    {R"({"os":"win","arch":"arm64"})", {k_wallvm, k_wa, k_wa, k_wa, k_wa, k_wa, k_wa}},
    {R"({"os":"win","arch":"arm64","vulkan":true})",
     {k_wallvm, k_wa, k_wa, k_wa, k_wa, k_wa, k_wa}},
    {R"({"os":"win","arch":"arm64","gpus":[{"vendor":"nvidia","driver":"591.44","cuda":"13.1","compute_capability":"12.1"}]})",
     {k_wallvm, k_wa, k_wa, k_wa, k_wa, k_wa, k_wa134}},
};

// The first choice's files, with the tag's part of the names taken for granted.
std::string first_choice(const ChoiceInput& input) {
    const auto answer = choose_builds(input);
    const auto* plan = std::get_if<BuildPlan>(&answer);
    if (plan == nullptr) return "none";
    const auto& choice = plan->choices.front();
    std::string out = choice.files.at(0).name;
    const std::string prefix = "llama-" + choice.tag + "-bin-";
    if (out.rfind(prefix, 0) == 0) out = out.substr(prefix.size());
    for (std::size_t i = 1; i < choice.files.size(); ++i)
        out += " + " + choice.files[i].name;
    if (choice.source == "ai-dock/llama.cpp-cuda") out += " (ai-dock)";
    return out;
}

} // namespace

TEST_CASE("choice table: every machine over every era") {
    const auto ai_dock = releases("ai-dock");
    int cells = 0;
    for (std::size_t era = 0; era < k_eras.size(); ++era) {
        ChoiceInput input;
        input.upstream = {release(k_eras.at(era))};
        input.ai_dock = ai_dock;
        input.pinned = true; // the oldest are below the security floor
        for (const auto& row : k_rows) {
            INFO(k_eras.at(era) << " on " << row.machine);
            const auto machine = hardware::machine_from_json(row.machine);
            REQUIRE(std::holds_alternative<Machine>(machine));
            input.machine = std::get<hardware::Machine>(machine);
            CHECK(first_choice(input) == row.first.at(era));
            ++cells;
        }
    }
    CHECK(std::size(k_rows) >= 40);
    CHECK(cells == static_cast<int>(std::size(k_rows) * k_eras.size()));
}
