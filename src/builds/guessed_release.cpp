#include "guessed_release.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/builds/asset_choice.hpp"

#include <limits>
#include <string>

namespace odysseus::builds {
namespace {

constexpr int k_open_end = std::numeric_limits<int>::max();

// A name, "{}" standing for the tag, and the builds that have it: from, up to before. Where the
// exact build of a change is not known, both names overlap.
struct Era {
    const char* name;
    int from;
    int before;
};

constexpr Era k_eras[] = {
    // zip until 7224 (2025-12-02), both until 7486; the tar.gz has a top folder since 7278
    {"llama-{}-bin-ubuntu-x64.zip", 1, 7278},
    {"llama-{}-bin-ubuntu-x64.tar.gz", 7278, k_open_end},
    {"llama-{}-bin-ubuntu-arm64.zip", 4800, 7278},
    {"llama-{}-bin-ubuntu-arm64.tar.gz", 7278, k_open_end},
    {"llama-{}-bin-ubuntu-vulkan-x64.zip", 4600, 7278},
    {"llama-{}-bin-ubuntu-vulkan-x64.tar.gz", 7278, k_open_end},
    {"llama-{}-bin-ubuntu-vulkan-arm64.tar.gz", 8599, k_open_end},
    {"llama-{}-bin-macos-arm64.zip", 1, 7278},
    {"llama-{}-bin-macos-arm64.tar.gz", 7278, k_open_end},
    {"llama-{}-bin-macos-x64.zip", 1, 7278},
    {"llama-{}-bin-macos-x64.tar.gz", 7278, k_open_end},
    // Linux CUDA came between 10900 and 10970, with 13.3; 13.4 followed a week later
    {"llama-{}-bin-ubuntu-cuda-12.8-x64.tar.gz", 10900, k_open_end},
    {"cudart-llama-{}-bin-ubuntu-cuda-12.8-x64.tar.gz", 10900, k_open_end},
    {"llama-{}-bin-ubuntu-cuda-13.3-x64.tar.gz", 10900, 11158},
    {"cudart-llama-{}-bin-ubuntu-cuda-13.3-x64.tar.gz", 10900, 11158},
    {"llama-{}-bin-ubuntu-cuda-13.4-x64.tar.gz", 11000, k_open_end},
    {"cudart-llama-{}-bin-ubuntu-cuda-13.4-x64.tar.gz", 11000, k_open_end},
    {"llama-{}-bin-ubuntu-cuda-13.3-arm64.tar.gz", 10900, 11158},
    {"cudart-llama-{}-bin-ubuntu-cuda-13.3-arm64.tar.gz", 10900, 11158},
    {"llama-{}-bin-ubuntu-cuda-13.4-arm64.tar.gz", 11000, k_open_end},
    {"cudart-llama-{}-bin-ubuntu-cuda-13.4-arm64.tar.gz", 11000, k_open_end},
    {"llama-{}-bin-ubuntu-rocm-7.2-x64.tar.gz", 8000, 10356},
    {"llama-{}-bin-ubuntu-rocm-7.14-x64.tar.gz", 10356, 10767},
    {"llama-{}-bin-ubuntu-rocm-10.0-x64.tar.gz", 10767, k_open_end},
    // Linux SYCL came in April 2026; for some weeks around b9450 there was none
    {"llama-{}-bin-ubuntu-sycl-fp32-x64.tar.gz", 8830, k_open_end},
    {"llama-{}-bin-ubuntu-sycl-fp16-x64.tar.gz", 8830, k_open_end},
    // Windows: by instruction set until spring 2025
    {"llama-{}-bin-win-cpu-x64.zip", 5200, k_open_end},
    {"llama-{}-bin-win-cpu-arm64.zip", 5200, k_open_end},
    {"llama-{}-bin-win-avx2-x64.zip", 1, 5400},
    {"llama-{}-bin-win-avx-x64.zip", 1, 5400},
    {"llama-{}-bin-win-noavx-x64.zip", 1, 5400},
    {"llama-{}-bin-win-llvm-arm64.zip", 1, 5400},
    {"llama-{}-bin-win-vulkan-x64.zip", 1, k_open_end},
    {"llama-{}-bin-win-cuda-cu12.4-x64.zip", 4100, 5400},
    {"cudart-llama-bin-win-cu12.4-x64.zip", 4100, 5400},
    {"llama-{}-bin-win-cuda-cu12.2.0-x64.zip", 1, 4200},
    {"cudart-llama-bin-win-cu12.2.0-x64.zip", 1, 4200},
    {"llama-{}-bin-win-cuda-12.4-x64.zip", 5200, k_open_end},
    {"cudart-llama-bin-win-cuda-12.4-x64.zip", 5200, k_open_end},
    {"llama-{}-bin-win-cuda-13.1-x64.zip", 7313, 9361},
    {"cudart-llama-bin-win-cuda-13.1-x64.zip", 7313, 9361},
    {"llama-{}-bin-win-cuda-13.3-x64.zip", 9361, 11070},
    {"cudart-llama-bin-win-cuda-13.3-x64.zip", 9361, 11070},
    {"llama-{}-bin-win-cuda-13.4-x64.zip", 10900, k_open_end},
    {"cudart-llama-bin-win-cuda-13.4-x64.zip", 10900, k_open_end},
    {"llama-{}-bin-win-cuda-13.4-arm64.zip", 10900, k_open_end},
    {"cudart-llama-bin-win-cuda-13.4-arm64.zip", 10900, k_open_end},
    {"llama-{}-bin-win-sycl-x64.zip", 3000, k_open_end}, // with oneAPI's DLLs since May 2024
    {"llama-{}-bin-win-hip-radeon-x64.zip", 5400, 10356},
    {"llama-{}-bin-win-rocm-7.14-x64.zip", 10356, 10767},
    {"llama-{}-bin-win-rocm-10.0-x64.zip", 10767, k_open_end},
};

std::string name_for(const Era& era, std::string_view tag) {
    std::string name = era.name;
    const auto place = name.find("{}");
    if (place != std::string::npos) name.replace(place, 2, tag);
    return name;
}

} // namespace

std::optional<Release> guessed_release(std::string_view tag, std::string_view download_base) {
    const auto number = build_number(tag);
    if (!number) return std::nullopt;
    Release release;
    release.tag = std::string(tag);
    release.guessed = true;
    for (const auto& era : k_eras) {
        if (*number < era.from || *number >= era.before) continue;
        Asset asset;
        asset.name = name_for(era, tag);
        asset.url = direct_url(download_base, k_upstream_repo, tag, asset.name);
        release.assets.push_back(std::move(asset));
    }
    return release;
}

} // namespace odysseus::builds
