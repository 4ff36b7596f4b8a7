#include "odysseus/builds/runtime_fit.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::hardware;
using namespace odysseus::builds;

namespace {

AssetName build(std::string_view name) {
    const auto parsed = parse_asset_name(name);
    REQUIRE(parsed.has_value());
    return *parsed;
}

const auto* const k_linux_128 = "llama-b11160-bin-ubuntu-cuda-12.8-x64.tar.gz";
const auto* const k_linux_134 = "llama-b11160-bin-ubuntu-cuda-13.4-x64.tar.gz";
const auto* const k_arm_134 = "llama-b11160-bin-ubuntu-cuda-13.4-arm64.tar.gz";
const auto* const k_win_124 = "llama-b11160-bin-win-cuda-12.4-x64.zip";
const auto* const k_ai_dock = "llama.cpp-b10099-cuda-12.8-amd64.tar.gz";

// "" stands for unknown.
Fits cuda(const char* name, std::string cuda_version, std::string capability) {
    hardware::Machine machine;
    hardware::Gpu gpu;
    gpu.vendor = hardware::Vendor::nvidia;
    if (!cuda_version.empty()) gpu.cuda = std::move(cuda_version);
    if (!capability.empty()) gpu.compute_capability = std::move(capability);
    machine.gpus.push_back(gpu);
    return cuda_fit(machine, build(name)).fits;
}

} // namespace

TEST_CASE("runtime fit: CUDA by driver and capability") {
    struct Row {
        const char* build;
        const char* cuda;
        const char* capability;
        Fits fits;
    };
    const Row rows[] = {
        // an older driver of the same major runs machine code only
        {k_linux_128, "12.2", "8.6", Fits::yes},
        {k_linux_128, "12.2", "8.9", Fits::yes},
        {k_linux_128, "12.2", "8.0", Fits::no},
        {k_linux_128, "12.2", "9.0", Fits::no},
        {k_linux_128, "12.4", "12.0", Fits::yes},
        {k_win_124, "12.2", "12.0", Fits::no}, // 12.4 knows no machine code for Blackwell
        {k_linux_128, "12.4", "12.1", Fits::no},
        {k_linux_134, "13.0", "12.1", Fits::yes},
        {k_linux_134, "13.0", "10.0", Fits::no},
        {k_linux_128, "11.8", "8.9", Fits::no}, // another major never does
        {k_linux_134, "12.9", "8.9", Fits::no},
        // a newer driver runs what is older
        {k_linux_128, "13.0", "5.0", Fits::yes},
        {k_win_124, "12.4", "5.2", Fits::yes},
        {k_win_124, "13.3", "7.0", Fits::yes},
        // capabilities that were dropped
        {k_linux_134, "13.4", "7.0", Fits::no},
        {k_linux_134, "13.4", "7.5", Fits::yes},
        {k_linux_128, "13.0", "3.7", Fits::no},
        {k_ai_dock, "12.8", "7.0", Fits::no},
        {k_ai_dock, "12.8", "7.5", Fits::yes},
        {k_ai_dock, "12.6", "8.9", Fits::no}, // PTX only
        // not known
        {k_linux_128, "", "", Fits::perhaps},
        {k_linux_128, "13.0", "", Fits::yes},
        {k_linux_134, "13.0", "", Fits::perhaps},
        {k_linux_134, "13.4", "", Fits::yes}, // such a driver knows nothing below 7.5
        {k_ai_dock, "13.0", "", Fits::perhaps},
        {k_ai_dock, "13.1", "", Fits::yes},
        {k_arm_134, "13.4", "", Fits::yes},
        {k_linux_134, "", "6.1", Fits::no},
        {k_linux_128, "garbage", "8.9", Fits::perhaps},
    };
    for (const auto& [name, version, capability, fits] : rows) {
        INFO(name << " with CUDA \"" << version << "\" on \"" << capability << '"');
        CHECK(cuda(name, version, capability) == fits);
    }
    // arm64 machines that these builds run on have no GPU below 7.5.
    CHECK(cuda("llama.cpp-b10099-cuda-12.8-arm64.tar.gz", "13.0", "") == Fits::yes);
}

TEST_CASE("runtime fit: a driver's number tells its CUDA version") {
    const auto text = [](const char* driver) {
        const auto version = cuda_of_driver(driver);
        return version ? version_text(*version) : "unknown";
    };
    CHECK(text("580.65.06") == "13.0");
    CHECK(text("591.44") == "13.1");
    CHECK(text("610.43.02") == "13.3");
    CHECK(text("579.99") == "12.9");
    CHECK(text("551.23") == "12.4");
    CHECK(text("535.183.01") == "12.2");
    CHECK(text("470.256.02") == "11.4");
    CHECK(text("391.35") == "unknown");
    CHECK(text("") == "unknown");
    CHECK(text("n/a") == "unknown");
}

TEST_CASE("runtime fit: SYCL by the runtime that is here") {
    const auto fit = [](const char* name, const char* sycl,
                        hardware::Vendor vendor = hardware::Vendor::intel) {
        hardware::Machine machine;
        if (*sycl != '\0') machine.sycl = sycl;
        hardware::Gpu gpu;
        gpu.vendor = vendor;
        gpu.name = "Intel Arc A770";
        machine.gpus.push_back(gpu);
        return sycl_fit(machine, build(name));
    };
    const auto* const linux = "llama-b11160-bin-ubuntu-sycl-fp32-x64.tar.gz";
    const auto* const windows = "llama-b11160-bin-win-sycl-x64.zip";
    CHECK(fit(linux, "8").fits == Fits::yes);
    CHECK(fit(linux, "8").gpus == 1);
    CHECK(fit(linux, "8").why == "SYCL for Intel Arc A770 with the installed oneAPI");
    CHECK(fit(linux, "8", Vendor::nvidia).fits == Fits::perhaps);
    CHECK(fit(linux, "8", Vendor::nvidia).gpus == 0);
    CHECK(fit(linux, "").fits == Fits::perhaps);
    CHECK(fit(linux, "9").fits == Fits::perhaps);
    CHECK(fit(linux, "7").fits == Fits::no);
    CHECK(fit(linux, "7").why.find("this system has libsycl.so.7") != std::string::npos);
    CHECK(fit(linux, "none").fits == Fits::no);
    CHECK(fit(linux, "none").why.find("libze_loader.so.1") != std::string::npos);
    CHECK(fit(linux, "garbage").fits == Fits::no);
    // Windows' archive brings oneAPI itself.
    CHECK(fit(windows, "driver").fits == Fits::yes);
    CHECK(fit(windows, "none").fits == Fits::no);
    CHECK(fit(windows, "none").why.find("ze_loader.dll") != std::string::npos);
    CHECK(fit(windows, "").fits == Fits::perhaps);
}

TEST_CASE("runtime fit: the C library's floor") {
    const auto obstacle = [](const char* glibc, const char* name) {
        hardware::Machine machine;
        machine.glibc = glibc;
        return libc_obstacle(machine, build(name)).value_or("");
    };
    CHECK(obstacle("2.34", "llama-b1-bin-ubuntu-x64.tar.gz") == "");
    CHECK(obstacle("2.33", "llama-b1-bin-ubuntu-x64.tar.gz") ==
          "it needs glibc 2.34 or newer, this system has 2.33");
    CHECK(obstacle("2.36", "llama-b1-bin-ubuntu-arm64.tar.gz") ==
          "it needs glibc 2.38 or newer, this system has 2.36");
    CHECK(obstacle("2.38", "llama-b1-bin-ubuntu-vulkan-arm64.tar.gz") == "");
    CHECK_FALSE(obstacle("2.36", "llama-b1-bin-ubuntu-rocm-7.2-x64.tar.gz") == "");
    CHECK_FALSE(obstacle("2.36", "llama-b1-bin-ubuntu-sycl-fp32-x64.tar.gz") == "");
    CHECK(obstacle("2.39", "llama-b1-bin-ubuntu-sycl-fp32-x64.tar.gz") == "");
    CHECK(obstacle("2.36", "llama.cpp-b1-cuda-12.8-arm64.tar.gz") == ""); // made on 22.04
    CHECK(obstacle("none", "llama-b1-bin-ubuntu-x64.tar.gz") ==
          "it needs glibc 2.34 or newer, this system has another C library (musl)");
    CHECK(obstacle("unreadable", "llama-b1-bin-ubuntu-x64.tar.gz") == "");
}

TEST_CASE("runtime fit: GPUs that a build has no code for are named, unless it serves none") {
    const auto machine_with = [](std::vector<const char*> capabilities) {
        hardware::Machine machine;
        hardware::Gpu other;
        other.vendor = hardware::Vendor::intel;
        machine.gpus.push_back(other);
        for (const char* capability : capabilities) {
            hardware::Gpu gpu;
            gpu.vendor = hardware::Vendor::nvidia;
            gpu.cuda = "13.0";
            if (*capability != '\0') gpu.compute_capability = capability;
            machine.gpus.push_back(gpu);
        }
        return machine;
    };
    using Numbers = std::vector<std::size_t>;
    CHECK(unserved_gpus(machine_with({"8.9", "6.1", "7.5"}), build(k_linux_134)) == Numbers{1});
    CHECK(unserved_gpus(machine_with({"8.9", "6.1"}), build(k_linux_128)).empty());
    CHECK(unserved_gpus(machine_with({"3.5", "8.9"}), build(k_linux_128)) == Numbers{0});
    CHECK(unserved_gpus(machine_with({"6.1"}), build(k_linux_134)).empty());
    CHECK(unserved_gpus(machine_with({"8.9", ""}), build(k_linux_134)).empty());
    CHECK(unserved_gpus(machine_with({"8.9", "6.1"}),
                        build("llama-b11160-bin-ubuntu-vulkan-x64.tar.gz"))
              .empty());
}
