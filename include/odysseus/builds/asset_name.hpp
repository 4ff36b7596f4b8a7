// The names of llama.cpp's release archives, read token by token; never by substring (darwin is not
// win, arm64 is not arm). A name that is not understood as a whole is no asset for us: Android,
// s390x, OpenVINO, OpenCL, Kompute, the xcframework and the web UI among them.
#pragma once

#include "odysseus/base/dotted_version.hpp"
#include "odysseus/hardware/machine.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace odysseus::builds {

struct AssetName {
    enum class Kind {
        primary,     // holds llama-server
        cuda_runtime // cudart: CUDA's libraries, of one CUDA version and architecture
    };
    enum class Archive { zip, tar_gz };

    Kind kind = Kind::primary;
    std::optional<std::string> tag; // "b11158"; Windows' cudart names carry none
    hardware::Os os = hardware::Os::linux;
    hardware::Arch arch = hardware::Arch::x64;
    Backend backend = Backend::cpu;
    std::optional<DottedVersion> version; // of CUDA or ROCm
    // Builds of before 2025-05 came by instruction set ("avx2", "noavx") or AMD chip ("gfx1100");
    // Linux SYCL comes by the precision of its computations ("fp16", "fp32").
    std::string variant;
    Archive archive = Archive::zip;
    bool third_party = false; // ai-dock/llama.cpp-cuda's naming
};

[[nodiscard]] std::optional<AssetName> parse_asset_name(std::string_view name);

} // namespace odysseus::builds
