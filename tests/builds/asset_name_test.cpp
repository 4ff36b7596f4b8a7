#include "odysseus/builds/asset_name.hpp"

#include "odysseus/base/text.hpp"
#include "release_data.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::builds;

namespace {

// "primary b11158 linux x64 cuda 13.4 tar.gz", or "none".
std::string described(std::string_view text) {
    const auto name = parse_asset_name(text);
    if (!name) return "none";
    std::string out = name->kind == AssetName::Kind::primary ? "primary" : "cudart";
    out += " " + name->tag.value_or("-");
    out += concat(' ', hardware::os_name(name->os), ' ', hardware::arch_name(name->arch), ' ',
                  backend_name(name->backend));
    if (name->version) out += " " + version_text(*name->version);
    if (!name->variant.empty()) out += " " + name->variant;
    out += name->archive == AssetName::Archive::zip ? " zip" : " tar.gz";
    if (name->third_party) out += " third-party";
    return out;
}

struct Row {
    const char* name;
    const char* meaning;
};

} // namespace

TEST_CASE("asset name: all eras are read") {
    const Row rows[] = {
        // b11158
        {"llama-b11158-bin-ubuntu-x64.tar.gz", "primary b11158 linux x64 cpu tar.gz"},
        {"llama-b11158-bin-ubuntu-arm64.tar.gz", "primary b11158 linux arm64 cpu tar.gz"},
        {"llama-b11158-bin-ubuntu-vulkan-x64.tar.gz", "primary b11158 linux x64 vulkan tar.gz"},
        {"llama-b11158-bin-ubuntu-vulkan-arm64.tar.gz", "primary b11158 linux arm64 vulkan tar.gz"},
        {"llama-b11158-bin-ubuntu-cuda-12.8-x64.tar.gz",
         "primary b11158 linux x64 cuda 12.8 tar.gz"},
        {"llama-b11158-bin-ubuntu-cuda-13.4-arm64.tar.gz",
         "primary b11158 linux arm64 cuda 13.4 tar.gz"},
        {"cudart-llama-b11158-bin-ubuntu-cuda-13.4-x64.tar.gz",
         "cudart b11158 linux x64 cuda 13.4 tar.gz"},
        {"llama-b11158-bin-ubuntu-rocm-10.0-x64.tar.gz",
         "primary b11158 linux x64 rocm 10.0 tar.gz"},
        {"llama-b11158-bin-ubuntu-sycl-fp16-x64.tar.gz",
         "primary b11158 linux x64 sycl fp16 tar.gz"},
        {"llama-b11158-bin-ubuntu-sycl-fp32-x64.tar.gz",
         "primary b11158 linux x64 sycl fp32 tar.gz"},
        {"llama-b11158-bin-win-sycl-x64.zip", "primary b11158 win x64 sycl zip"},
        {"llama-b11158-bin-macos-arm64.tar.gz", "primary b11158 macos arm64 metal tar.gz"},
        {"llama-b11158-bin-macos-x64.tar.gz", "primary b11158 macos x64 cpu tar.gz"},
        {"llama-b11158-bin-win-cpu-arm64.zip", "primary b11158 win arm64 cpu zip"},
        {"llama-b11158-bin-win-vulkan-x64.zip", "primary b11158 win x64 vulkan zip"},
        {"llama-b11158-bin-win-cuda-13.4-arm64.zip", "primary b11158 win arm64 cuda 13.4 zip"},
        {"llama-b11158-bin-win-rocm-10.0-x64.zip", "primary b11158 win x64 rocm 10.0 zip"},
        {"cudart-llama-bin-win-cuda-13.4-arm64.zip", "cudart - win arm64 cuda 13.4 zip"},
        // before
        {"llama-b8700-bin-ubuntu-rocm-7.2-x64.tar.gz", "primary b8700 linux x64 rocm 7.2 tar.gz"},
        {"llama-b8700-bin-win-hip-radeon-x64.zip", "primary b8700 win x64 rocm zip"},
        {"llama-b7400-bin-ubuntu-x64.zip", "primary b7400 linux x64 cpu zip"},
        {"llama-b4585-bin-win-avx2-x64.zip", "primary b4585 win x64 cpu avx2 zip"},
        {"llama-b4585-bin-win-noavx-x64.zip", "primary b4585 win x64 cpu noavx zip"},
        {"llama-b4585-bin-win-msvc-arm64.zip", "primary b4585 win arm64 cpu msvc zip"},
        {"llama-b4585-bin-win-hip-x64-gfx1100.zip", "primary b4585 win x64 rocm gfx1100 zip"},
        {"llama-b4585-bin-win-cuda-cu12.4-x64.zip", "primary b4585 win x64 cuda 12.4 zip"},
        {"llama-b3190-bin-win-cuda-cu11.7.1-x64.zip", "primary b3190 win x64 cuda 11.7 zip"},
        {"llama-b1500-bin-win-cublas-cu12.2.0-x64.zip", "primary b1500 win x64 cuda 12.2 zip"},
        {"cudart-llama-bin-win-cu12.4-x64.zip", "cudart - win x64 cuda 12.4 zip"},
        {"cudart-llama-bin-win-cu11.7.1-x64.zip", "cudart - win x64 cuda 11.7 zip"},
        // a stable release that carries archives itself
        {"llama-v0.9.0-bin-ubuntu-x64.tar.gz", "primary v0.9.0 linux x64 cpu tar.gz"},
        // ai-dock
        {"llama.cpp-b10099-cuda-12.8-amd64.tar.gz",
         "primary b10099 linux x64 cuda 12.8 tar.gz third-party"},
        {"llama.cpp-v0.4.0-cuda-12.8-arm64.tar.gz",
         "primary v0.4.0 linux arm64 cuda 12.8 tar.gz third-party"},
    };
    for (const auto& [name, meaning] : rows) {
        INFO(name);
        CHECK(described(name) == meaning);
    }
}

TEST_CASE("asset name: look-alikes are none") {
    for (const char* name : {
             "llama-b11158-bin-ubuntu-s390x.tar.gz",
             "llama-b11158-bin-ubuntu-openvino-2026.4-x64.tar.gz",
             "llama-b11158-bin-ubuntu-sycl-x64.tar.gz",
             "llama-b11158-bin-ubuntu-sycl-fp64-x64.tar.gz",
             "llama-b11158-bin-ubuntu-vulkan-fp16-x64.tar.gz",
             "llama-b11158-bin-win-sycl-fp16-x64.zip",
             "llama-b11158-bin-macos-sycl-x64.tar.gz",
             "llama-b11158-bin-linux-arm64-snapdragon.tar.gz",
             "llama-b11158-bin-android-arm64.tar.gz",
             "llama-b11158-bin-android-arm64-snapdragon.tar.gz",
             "llama-b11158-bin-win-openvino-2026.4-x64.zip",
             "llama-b11158-bin-win-opencl-adreno-arm64.zip",
             "llama-b11158-ui.tar.gz",
             "llama-b11158-xcframework.zip",
             "llama-b8700-bin-macos-arm64-kleidiai.tar.gz",
             "llama-b8700-bin-310p-openEuler-x86.tar.gz",
             "llama-b4585-bin-win-kompute-x64.zip",
             "llama-b4585-bin-win-openblas-x64.zip",
             "llama-b3384-bin-win-rocm-avx2-x64.zip",
             // not llama.cpp's at all, or mangled
             "llama-b11158-bin-darwin-x64.zip",
             "llama-b11158-bin-win-cpu-arm.zip",
             "llama-b11158-bin-win-cpu-x64.zip.part",
             "llama-b11158-bin-win-cpu-x64-debug.zip",
             "llama-b11158-bin-win-cuda-13.4.zip",
             "llama-b11158-bin-win-cuda--x64.zip",
             "llama-b11158-bin-win-cuda-13.x-x64.zip",
             "llama-bin-win-cpu-x64.zip",
             "llama-b11158-win-cpu-x64.zip",
             "llama-b11158-bin-win-cpu-x64",
             "xllama-b11158-bin-win-cpu-x64.zip",
             "whisper-b11158-bin-win-cpu-x64.zip",
             "cudart-llama-bin-win-cpu-x64.zip",
             "cudart-llama-bin-win-vulkan-x64.zip",
             "cudart-sd-bin-win-cu12-x64.zip",
             "llama.cpp-b10099-cuda-12.8-x86.tar.gz",
             "llama.cpp-b10099-rocm-7.2-amd64.tar.gz",
             "llama-b11158-bin-.zip",
             "llama-.zip",
             ".zip",
             "",
         }) {
        INFO(name);
        CHECK(described(name) == "none");
    }
}

TEST_CASE("asset name: of the newest list the foreign ones are left over") {
    std::vector<std::string> left;
    for (const auto& asset : release("b11160").assets) {
        if (!parse_asset_name(asset.name)) left.push_back(asset.name);
    }
    CHECK(left == std::vector<std::string>{"llama-b11160-bin-ubuntu-s390x.tar.gz",
                                           "llama-b11160-bin-ubuntu-openvino-2026.4-x64.tar.gz",
                                           "llama-b11160-bin-linux-arm64-snapdragon.tar.gz",
                                           "llama-b11160-bin-android-arm64.tar.gz",
                                           "llama-b11160-bin-android-arm64-snapdragon.tar.gz",
                                           "llama-b11160-bin-win-openvino-2026.4-x64.zip",
                                           "llama-b11160-bin-win-opencl-adreno-arm64.zip",
                                           "llama-b11160-ui.tar.gz",
                                           "llama-b11160-xcframework.zip"});
}

TEST_CASE("asset name: versions compare by number, not by text") {
    CHECK(below(*dotted_version("7.2"), *dotted_version("7.14")));
    CHECK_FALSE(below(*dotted_version("13"), *dotted_version("12.8")));
    CHECK(same(*dotted_version("12.2.0"), *dotted_version("12.2")));
    CHECK(version_text(*dotted_version("7.14")) == "7.14");
    for (const char* bad : {"", ".", "1.", "1..2", "a", "1.2.3.4.5", "123456", "-1", "1,2"}) {
        INFO(bad);
        CHECK_FALSE(dotted_version(bad).has_value());
    }
}
