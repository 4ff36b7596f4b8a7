// Text of nvidia-smi as people posted it: the R610 header from sgl-project/sglang issue 27487,
// GB10's
// "[N/A]" from unslothai/unsloth pull request 10283 and lablup/all-smi issue 80, the MIG table from
// XuehaiPan/nvitop pull request 8, the failures from NVIDIA/nvidia-docker issue 988 and
// StatCan/aaw issue 1581. Rows with made-up figures follow their shape.
#include "hardware/mig_text.hpp"
#include "hardware/nvidia_text.hpp"
#include "hardware/visible_devices.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace odysseus;
using namespace odysseus::hardware;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr const char* k_header_610 = R"(Sun Jun  7 08:16:57 2026
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 610.43.02              KMD Version: 610.43.02     CUDA UMD Version: 13.3     |
+-----------------------------------------+------------------------+----------------------+
| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |
| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |
|                                         |                        |               MIG M. |
|=========================================+========================+======================|
|   0  NVIDIA B200                    On  |   00000000:63:00.0 Off |                    0 |
| N/A   26C    P0            139W / 1000W |       0MiB / 183359MiB |      0%      Default |
)";

constexpr const char* k_mig = R"(
| NVIDIA-SMI 535.129.03             Driver Version: 535.129.03   CUDA Version: 12.2     |
|   1  NVIDIA A100-SXM4-40GB          On  | 00000000:0F:00.0 Off |                   On |
| N/A   40C    P0             100W / 400W |  24205MiB / 40960MiB |     N/A      Default |
+-----------------------------------------------------------------------------+
| MIG devices:                                                                |
+------------------+----------------------+-----------+-----------------------+
| GPU  GI  CI  MIG |         Memory-Usage |        Vol|         Shared        |
|      ID  ID  Dev |           BAR1-Usage | SM     Unc| CE  ENC  DEC  OFA  JPG|
|                  |                      |        ECC|                       |
|==================+======================+===========+=======================|
|  1    3   0   0  |  14366MiB / 19968MiB | 28      0 |  2   0    1    0    0 |
|                  |      4MiB / 32767MiB |           |                       |
+------------------+----------------------+-----------+-----------------------+
|  1    5   0   1  |   9826MiB / 19968MiB | 28      0 |  2   0    1    0    0 |
+-----------------------------------------------------------------------------+
| Processes:                                                                  |
|  0    3   0   0  |  1MiB / 2MiB | not a device
)";

Gpu only(std::string_view csv) {
    const auto answer = nvidia_gpus(csv);
    REQUIRE(answer.gpus.size() == 1);
    return answer.gpus[0];
}

} // namespace

TEST_CASE("nvidia: every GPU is read, with and without units, old drivers and new") {
    const auto answer =
        nvidia_gpus("NVIDIA GeForce RTX 4090, 24564, 23187, 580.65.06, 8.9, "
                    "GPU-f1b0a1a1-0000-4000-8000-000000000001\n"
                    "NVIDIA GeForce GTX 1080 Ti, 11264 MiB, 11000 MiB, 580.65.06, 6.1\r\n"
                    "Tesla K80, 11441, 11440, 470.256.02\n");
    REQUIRE(answer.gpus.size() == 3);
    CHECK(answer.notes.empty());
    CHECK(answer.gpus[0].vendor == Vendor::nvidia);
    CHECK(answer.gpus[0].name == "NVIDIA GeForce RTX 4090");
    CHECK(answer.gpus[0].total_mib == 24564);
    CHECK(answer.gpus[0].free_mib == 23187);
    CHECK(answer.gpus[0].driver == "580.65.06");
    CHECK(answer.gpus[0].compute_capability == "8.9");
    CHECK_FALSE(answer.gpus[0].unified_memory.has_value());
    CHECK(answer.uuids[0] == "GPU-f1b0a1a1-0000-4000-8000-000000000001");
    CHECK(answer.gpus[1].total_mib == 11264);
    CHECK(answer.gpus[1].compute_capability == "6.1");
    CHECK(answer.gpus[2].driver == "470.256.02");
    CHECK_FALSE(answer.gpus[2].compute_capability.has_value());
}

TEST_CASE("nvidia: memory that is not told is unknown, and the part unified") {
    const auto answer = nvidia_gpus("NVIDIA GB10, [N/A], [N/A], 580.126.09, 12.1, GPU-1\n");
    REQUIRE(answer.gpus.size() == 1);
    CHECK_FALSE(answer.gpus[0].total_mib.has_value());
    CHECK_FALSE(answer.gpus[0].free_mib.has_value());
    CHECK(answer.gpus[0].unified_memory == true);
    CHECK(answer.notes ==
          std::vector<std::string>{"nvidia-smi does not tell the memory of NVIDIA GB10"});
    // One that tells only a part of it.
    const auto n1x = only("NVIDIA N1X, 8128, 7929, 590.10, 12.1");
    CHECK_FALSE(n1x.total_mib.has_value());
    CHECK(n1x.unified_memory == true);
    // Rights are missing for the free memory alone: not unified.
    const auto partly = only("NVIDIA A100, 40960, [Insufficient Permissions], 535.129.03, 8.0");
    CHECK(partly.total_mib == 40960);
    CHECK_FALSE(partly.free_mib.has_value());
    CHECK_FALSE(partly.unified_memory.has_value());
}

TEST_CASE("nvidia: localised and impossible figures cost themselves, not the GPU") {
    CHECK(only("NVIDIA RTX A6000, 49 140 MiB, 48 000 MiB, 550.54.14, 8.6").total_mib == 49140);
    CHECK(only("NVIDIA RTX A6000, 49\xC2\xA0"
               "140, 48\xE2\x80\xAF"
               "000, 550.54.14, 8.6")
              .free_mib == 48000);
    CHECK(only("NVIDIA RTX A6000, 49140.00, 1.5, 550.54.14, 8.6").free_mib == 1);
    // A decimal comma splits the figures: both become unknown, the rest stays.
    const auto comma = nvidia_gpus("NVIDIA RTX A6000, 49140,00, 48000,00, 550.54.14, 8.6");
    REQUIRE(comma.gpus.size() == 1);
    CHECK_FALSE(comma.gpus[0].total_mib.has_value());
    CHECK_FALSE(comma.gpus[0].unified_memory.has_value());
    CHECK(comma.gpus[0].compute_capability == "8.6");
    REQUIRE(comma.notes.size() == 1);
    CHECK_THAT(comma.notes[0], ContainsSubstring("unreadable"));
    // More free than there is, nothing at all, far too much.
    CHECK_FALSE(only("X, 1000, 2000, 550.54, 8.6").free_mib.has_value());
    CHECK_FALSE(only("X, 0, 0, 550.54, 8.6").total_mib.has_value());
    CHECK_FALSE(only("X, 99999999999, 1, 550.54, 8.6").total_mib.has_value());
    CHECK_FALSE(only("X, -5, -6, 550.54, 8.6").total_mib.has_value());
    CHECK(only("X, 24 GB, 20 GB, 550.54, 8.6").total_mib == std::nullopt);
    CHECK(only("X, 8000, 7000, 550.54, [N/A]").compute_capability == std::nullopt);
}

TEST_CASE("nvidia: what is no row is no GPU") {
    for (const char* text : {
             "",
             "\n\n",
             "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make "
             "sure "
             "that the latest NVIDIA driver is installed and running.",
             "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: "
             "570.86",
             "No devices were found",
             "name, memory.total [MiB], memory.free [MiB], driver_version, compute_cap",
             "Field \"compute_cap\" is not a valid field to query.",
             "a,b,c,d,e,f,g",
             ",,,,,,",
             ", 24564, 23187, 580.65.06, 8.9",
             "24564, 23187, 580.65.06",
             "\x00\xFF\xFE,,,",
         }) {
        INFO(text);
        CHECK(nvidia_gpus(text).gpus.empty());
    }
    std::string many;
    for (int i = 0; i < 1000; ++i)
        many += "X, 1, 1, 550.54, 8.6\n";
    CHECK(nvidia_gpus(many).gpus.size() == 256);
    // Names go to logs and JSON: no control characters.
    CHECK(only("a\x1b[31mb, 1, 1, 550.54, 8.6").name == "a?[31mb");
}

TEST_CASE("nvidia: the header's CUDA version, in both spellings") {
    CHECK(nvidia_cuda_version(k_header_610) == "13.3");
    CHECK(nvidia_cuda_version(k_mig) == "12.2");
    CHECK(nvidia_cuda_version(
              "| NVIDIA-SMI 580.65.06   Driver Version: 580.65.06   CUDA Version: 13.0     |") ==
          "13.0");
    CHECK(nvidia_cuda_version("CUDA Version                              : 11.0\n") == "11.0");
    CHECK_FALSE(nvidia_cuda_version("| CUDA Version: N/A      |").has_value());
    CHECK_FALSE(nvidia_cuda_version("| CUDA Version: ERR!     |").has_value());
    CHECK_FALSE(nvidia_cuda_version("| NVIDIA-SMI 331.62     Driver Version: 331.62         |")
                    .has_value());
    CHECK_FALSE(nvidia_cuda_version("CUDA Version").has_value());
    CHECK_FALSE(nvidia_cuda_version("CUDA Version:").has_value());
    CHECK_FALSE(nvidia_cuda_version("").has_value());
}

TEST_CASE("nvidia: failures are quoted, with a remedy where one is known") {
    CHECK(nvidia_failure(
              "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA "
              "driver. Make sure that the latest NVIDIA driver is installed and running.\n") ==
          "nvidia-smi says \"NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA "
          "driver. Make sure that the latest NVIDIA driver is installed and running.\"; install or "
          "load the driver, or reboot after an update");
    CHECK_THAT(nvidia_failure("\nFailed to initialize NVML: Driver/library version mismatch\n"),
               ContainsSubstring("reboot, so that the kernel loads the driver that is installed"));
    CHECK(nvidia_failure("No devices were found\n") == "nvidia-smi says \"No devices were found\"");
    CHECK(nvidia_failure(" \n") == "nvidia-smi printed nothing");
    CHECK(nvidia_field_unknown("Field \"compute_cap\" is not a valid field to query.\n"));
    CHECK_FALSE(nvidia_field_unknown("No devices were found"));
}

TEST_CASE("nvidia: of a GPU that MIG splits, the first instance counts") {
    auto answer = nvidia_gpus("NVIDIA A100-SXM4-40GB, 40960, 40000, 535.129.03, 8.0\n"
                              "NVIDIA A100-SXM4-40GB, 40960, 16000, 535.129.03, 8.0\n");
    apply_mig(mig_instances(k_mig), answer);
    CHECK(answer.gpus[0].total_mib == 40960);
    CHECK(answer.gpus[1].total_mib == 19968);
    CHECK(answer.gpus[1].free_mib == 5602);
    CHECK(answer.notes == std::vector<std::string>{"GPU 1 (NVIDIA A100-SXM4-40GB) is split by MIG; "
                                                   "llama.cpp uses its first instance, 19968 MiB"});
    auto without = nvidia_gpus("NVIDIA B200, 183359, 183000, 610.43.02, 10.0");
    apply_mig(mig_instances(k_header_610), without);
    CHECK(without.gpus[0].total_mib == 183359);
    CHECK(without.notes.empty());
}

TEST_CASE("nvidia: CUDA_VISIBLE_DEVICES by index and by UUID") {
    const auto three = nvidia_gpus("A, 10, 9, 550.54, 8.6, GPU-aaaa1111\n"
                                   "B, 20, 9, 550.54, 8.6, GPU-bbbb2222\n"
                                   "C, 30, 9, 550.54, 8.6, GPU-cccc3333\n");
    const auto names = [&](std::string_view visible) {
        auto answer = three;
        apply_visible_devices({std::string(visible), ""}, {}, answer);
        std::string out;
        for (const auto& gpu : answer.gpus)
            out += gpu.name;
        return out;
    };
    CHECK(names("2,0") == "CA");
    CHECK(names("GPU-bbbb") == "B");
    CHECK(names("1, GPU-cccc3333") == "BC");
    CHECK(names("0,7,1") == "A"); // what follows a wrong entry does not count
    CHECK(names("-1") == "");
    CHECK(names("") == "");
    CHECK(names("0,0") == "A");
    CHECK(names("0,1,2") == "ABC");
    auto answer = three;
    apply_visible_devices({"1", ""}, {}, answer);
    CHECK(answer.notes ==
          std::vector<std::string>{"CUDA_VISIBLE_DEVICES leaves 1 of 3 NVIDIA GPUs"});
}

TEST_CASE("nvidia: every row of a Jetson is one GPU with unified memory") {
    // dusty-nv/jetson-containers issue 740, NVIDIA's forum 293148: nvidia-smi of JetPack 6.
    for (const char* row : {
             "Orin (nvgpu), [N/A], [N/A], 540.4.0, [N/A], [N/A]",
             "Orin (nvgpu), [N/A], [N/A], 540.4.0, 8.7, 23e6a1b2-0000-0000-0000-000000000000",
             "Orin (nvgpu), [N/A], [N/A], 540.4.0, 8.7, [N/A]",
             "NVIDIA Thor, [N/A], [N/A], 580.00, 11.0, GPU-a",
             "Orin (nvgpu), [N/A], [N/A], [N/A], 8.7, GPU-a",
             "Orin (nvgpu), Not Supported, Not Supported, N/A, N/A, N/A",
             "Orin (nvgpu), [N/A], [N/A], 540.4.0",
             "Xavier (nvgpu), [Not Supported], [Not Supported], [N/A], [N/A], [N/A]",
             "NVIDIA Tegra X2, [N/A], [N/A], [Unknown Error], 6.2, [N/A]",
         }) {
        INFO(row);
        const auto gpu = only(row);
        CHECK(gpu.unified_memory == true);
        CHECK_FALSE(gpu.total_mib.has_value());
        CHECK_FALSE(gpu.compute_capability == "[N/A]");
    }
    CHECK(only("Orin (nvgpu), [N/A], [N/A], 540.4.0, 8.7, [N/A]").driver == "540.4.0");
    CHECK_FALSE(only("Orin (nvgpu), N/A, N/A, N/A, N/A, N/A").driver.has_value());
}

TEST_CASE("nvidia: a row is a GPU or a note, never silence") {
    const std::string good = "NVIDIA A10, 23028, 22000, 550.54.14, 8.6, GPU-a\n";
    for (const char* line : {
             "Unable to determine the device handle for GPU0000:02:00.0: GPU is lost.  Reboot the "
             "system to recover this GPU",
             "[GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is "
             "lost]",
             "NVIDIA A10, [GPU requires reset], [GPU requires reset], 550.54.14, 8.6, GPU-b",
             "NVIDIA A10, 23028",
             "WARNING: infoROM is corrupted at gpu 0000:01:00.0",
             "NVIDIA A10, 23028, 22000, five hundred, eight",
         }) {
        INFO(line);
        const auto answer = nvidia_gpus(good + line + "\n");
        CHECK(answer.gpus.size() + answer.notes.size() == 2);
    }
    CHECK_THAT(nvidia_gpus(good + "NVIDIA A10, [GPU requires reset], 1, 550.54.14").notes[0],
               ContainsSubstring("reset that GPU, to have it back"));
    // What is known of a GPU stays when one field is strange.
    const auto odd = only("NVIDIA A10, 23028, 22000, 550.54.14-beta, 8.6, GPU-a");
    CHECK(odd.total_mib == 23028);
    CHECK_FALSE(odd.driver.has_value());
    CHECK(only("[N/A], 23028, 22000, 550.54.14, 8.6, GPU-a").name == "NVIDIA GPU");
    // Not told for want of rights: that is no shared memory.
    const auto hidden = nvidia_gpus("NVIDIA H100 NVL, [Insufficient Permissions], [Insufficient "
                                    "Permissions], 550.127.08, 9.0, GPU-a");
    CHECK_FALSE(hidden.gpus[0].unified_memory.has_value());
    CHECK(hidden.notes.size() == 1);
}

TEST_CASE("nvidia: CUDA_VISIBLE_DEVICES names a MIG instance") {
    // The table of issue NVIDIA/k8s-device-plugin 897, the listing of NVIDIA's MIG user guide.
    constexpr const char* k_table = R"(
| MIG devices:                                                                            |
| GPU  GI  CI  MIG |                     Memory-Usage |        Vol|      Shared           |
|  0    7   0   0  |              12MiB / 24064MiB    | 32      0 |  2   0    2    0    2 |
|                  |               0MiB / 32767MiB    |           |                       |
|  0    8   0   1  |              28MiB / 48128MiB    | 60      0 |  4   0    4    0    4 |
| Processes:                                                                              |)";
    constexpr const char* k_listing = "GPU 0: NVIDIA H100 NVL (UUID: GPU-aaaaaaaa-bbbb)\n"
                                      "  MIG 1g.24gb     Device  0: (UUID: MIG-5c89852c-d268)\n"
                                      "  MIG 2g.47gb     Device  1: (UUID: MIG-0db4a2f1-d268)\n";
    const auto gpu = nvidia_gpus("NVIDIA H100 NVL, [Insufficient Permissions], [Insufficient "
                                 "Permissions], 550.127.08, 9.0, GPU-aaaaaaaa-bbbb\n");
    auto instances = mig_instances(k_table);
    REQUIRE(instances.size() == 2);
    const auto seen = [&](std::string_view visible, const std::vector<MigInstance>& known) {
        auto answer = gpu;
        apply_visible_devices({std::string(visible), ""}, known, answer);
        REQUIRE(answer.gpus.size() == 1);
        CHECK_FALSE(answer.notes.empty());
        return answer.gpus[0];
    };
    CHECK(seen("MIG-5c89852c-d268", instances).total_mib == 24064); // not named yet: the smallest
    name_mig_instances(k_listing, instances);
    CHECK(seen("MIG-5c89852c-d268", instances).total_mib == 24064);
    CHECK(seen("MIG-0db4a2f1-d268", instances).total_mib == 48128);
    CHECK(seen("MIG-0db4a2f1-d268", instances).free_mib == 48100);
    CHECK(seen("MIG-0db4a2f1-d268", instances).name == "NVIDIA H100 NVL MIG 2g.47gb");
    CHECK(seen("MIG-0db4", instances).total_mib == 48128);
    CHECK(seen("MIG-GPU-aaaaaaaa-bbbb/8/0", instances).total_mib == 48128);
    CHECK(seen(" MIG-0db4a2f1-d268,MIG-5c89852c-d268", instances).total_mib == 48128);
    CHECK(seen("MIG-ffffffff", instances).total_mib == 24064);
    CHECK_FALSE(seen("MIG-ffffffff", {}).total_mib.has_value());
    CHECK(seen("MIG-ffffffff", {instances[1]}).total_mib == 48128); // the only one there is
    auto answer = gpu;
    apply_visible_devices({"0:1", ""}, instances, answer);
    CHECK(answer.gpus.empty());
    CHECK(answer.notes.back() ==
          "CUDA_VISIBLE_DEVICES leaves 0 of 1 NVIDIA GPUs; \"0:1\" is none of them");
}

TEST_CASE("nvidia: numbers by speed mean any GPU") {
    auto answer = nvidia_gpus("GTX 1660, 6144, 5900, 580.65.06, 7.5, GPU-aaaa1111\n"
                              "RTX 3090, 24576, 24000, 580.65.06, 8.6, GPU-bbbb2222\n");
    const auto both = answer;
    apply_visible_devices({"1", "FASTEST_FIRST"}, {}, answer);
    REQUIRE(answer.gpus.size() == 1);
    CHECK(answer.gpus[0].name == "GTX 1660");
    CHECK_THAT(answer.notes[0], ContainsSubstring("CUDA_DEVICE_ORDER"));
    answer = both;
    apply_visible_devices({"1", "PCI_BUS_ID"}, {}, answer);
    CHECK(answer.gpus[0].name == "RTX 3090");
    answer = both;
    apply_visible_devices({"GPU-bbbb", "FASTEST_FIRST"}, {}, answer);
    CHECK(answer.gpus[0].name == "RTX 3090");
}

TEST_CASE("devices: what the other backends hide is said where it matters") {
    Machine machine;
    CHECK_FALSE(hidden_devices_note({"GGML_VK_VISIBLE_DEVICES"}, machine).has_value());
    machine.gpus.push_back({Vendor::amd, "AMD GPU", {}, {}, {}, {}, {}, {}, {}});
    CHECK_THAT(hidden_devices_note({"GGML_VK_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"}, machine)
                   .value_or(""),
               ContainsSubstring("GGML_VK_VISIBLE_DEVICES and HIP_VISIBLE_DEVICES are set"));
    CHECK_FALSE(hidden_devices_note({"ONEAPI_DEVICE_SELECTOR"}, machine).has_value());
    CHECK_FALSE(hidden_devices_note({}, machine).has_value());
}

TEST_CASE("nvidia: the kernel's own words, for when nvidia-smi is silent") {
    CHECK(nvidia_kernel_driver(
              "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 "
              "19:39:15 UTC 2024\nGCC version:  gcc version 12.3.0\n") == "535.183.01");
    CHECK(
        nvidia_kernel_driver("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  "
                             "Release Build  (dvs-builder@U22)\n") == "580.65.06");
    CHECK_FALSE(nvidia_kernel_driver("GCC version: 12.3.0\n").has_value());
    CHECK(nvidia_model("Model: \t\t NVIDIA GeForce RTX 3090\nIRQ:   \t\t 150\n") ==
          "NVIDIA GeForce RTX 3090");
    CHECK_FALSE(nvidia_model("IRQ: 5").has_value());
}
