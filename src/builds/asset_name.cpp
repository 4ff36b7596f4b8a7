#include "odysseus/builds/asset_name.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/builds/release.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace odysseus::builds {
namespace {

using Tokens = std::vector<std::string_view>;

bool take_prefix(std::string_view& text, std::string_view prefix) {
    if (text.substr(0, prefix.size()) != prefix) return false;
    text.remove_prefix(prefix.size());
    return true;
}

bool take_suffix(std::string_view& text, std::string_view suffix) {
    if (text.size() < suffix.size() || text.substr(text.size() - suffix.size()) != suffix) {
        return false;
    }
    text.remove_suffix(suffix.size());
    return true;
}

bool is_tag(std::string_view token) {
    if (build_number(token)) return true;
    return token.size() > 1 && token[0] == 'v' && dotted_version(token.substr(1)).has_value();
}

bool is_one_of(std::string_view token, std::initializer_list<std::string_view> known) {
    return std::find(known.begin(), known.end(), token) != known.end();
}

bool is_gfx(std::string_view token) {
    return token.size() >= 6 && token.substr(0, 3) == "gfx" &&
           token.find_first_not_of("0123456789abcdef", 3) == std::string_view::npos;
}

// CUDA's version as a token: "12.4", and until 2025-05 "cu12.4" or "cu12.2.0".
std::optional<DottedVersion> cuda_version(std::string_view token) {
    take_prefix(token, "cu");
    return dotted_version(token);
}

// The last token names the architecture; it is taken off.
std::optional<hardware::Arch> take_arch(Tokens& tokens) {
    if (tokens.empty()) return std::nullopt;
    const auto arch = hardware::arch_from(tokens.back());
    if (arch) tokens.pop_back();
    return arch;
}

bool read_versioned(AssetName& name, Backend backend, std::optional<DottedVersion> version) {
    name.backend = backend;
    name.version = version;
    return version.has_value();
}

// What stands between "bin-ubuntu" and the architecture.
bool read_linux(AssetName& name, const Tokens& middle) {
    if (middle.empty()) return true;
    if (middle.size() == 1 && middle[0] == "vulkan") {
        name.backend = Backend::vulkan;
        return true;
    }
    if (middle.size() != 2) return false;
    if (middle[0] == "cuda") return read_versioned(name, Backend::cuda, cuda_version(middle[1]));
    if (middle[0] == "rocm") return read_versioned(name, Backend::rocm, dotted_version(middle[1]));
    name.backend = Backend::sycl;
    name.variant = middle[1];
    return middle[0] == "sycl" && is_one_of(middle[1], {"fp16", "fp32"});
}

bool read_macos(AssetName& name, const Tokens& middle) {
    name.backend = name.arch == hardware::Arch::arm64 ? Backend::metal : Backend::cpu;
    return middle.empty();
}

bool read_windows(AssetName& name, const Tokens& middle) {
    if (middle.size() == 1) {
        if (is_one_of(middle[0], {"avx", "avx2", "avx512", "noavx", "msvc", "llvm"})) {
            name.variant = middle[0];
        } else if (middle[0] == "vulkan") {
            name.backend = Backend::vulkan;
        } else if (middle[0] == "sycl") {
            name.backend = Backend::sycl;
        } else if (middle[0] != "cpu") {
            return false;
        }
        return true;
    }
    if (middle.size() != 2) return false;
    if (middle[0] == "cuda" || middle[0] == "cublas") {
        return read_versioned(name, Backend::cuda, cuda_version(middle[1]));
    }
    if (middle[0] == "rocm") return read_versioned(name, Backend::rocm, dotted_version(middle[1]));
    name.backend = Backend::rocm;
    return middle[0] == "hip" && middle[1] == "radeon"; // of ROCm 6.x or 7.x: the name is silent
}

// After "llama-[TAG-]bin-" or "cudart-llama-[TAG-]bin-".
bool read_system(AssetName& name, Tokens tokens) {
    if (tokens.empty()) return false;
    const auto system = tokens.front();
    tokens.erase(tokens.begin());
    // llama-bN-bin-win-hip-x64-gfx1100.zip: the chip follows the architecture.
    if (system == "win" && tokens.size() == 3 && tokens[0] == "hip" && is_gfx(tokens[2])) {
        name.variant = tokens[2];
        tokens = {"hip", "radeon", tokens[1]};
    }
    const auto arch = take_arch(tokens);
    if (!arch) return false;
    name.arch = *arch;
    if (system == "ubuntu") {
        name.os = hardware::Os::linux;
        return read_linux(name, tokens);
    }
    if (system == "macos") {
        name.os = hardware::Os::macos;
        return read_macos(name, tokens);
    }
    name.os = hardware::Os::windows;
    return system == "win" && read_windows(name, tokens);
}

// llama.cpp-TAG-cuda-12.8-amd64.tar.gz (ai-dock/llama.cpp-cuda).
std::optional<AssetName> read_ai_dock(AssetName name, std::string_view rest) {
    const auto tokens = split(rest, '-');
    if (tokens.size() != 4 || !is_tag(tokens[0]) || tokens[1] != "cuda") return std::nullopt;
    if (!is_one_of(tokens[3], {"amd64", "arm64"})) return std::nullopt;
    name.tag = std::string(tokens[0]);
    name.arch = tokens[3] == "arm64" ? hardware::Arch::arm64 : hardware::Arch::x64;
    name.third_party = true;
    if (!read_versioned(name, Backend::cuda, dotted_version(tokens[2]))) return std::nullopt;
    return name;
}

// cudart-llama-bin-win-cu12.4-x64.zip: until 2025-05 the runtime's name had no "cuda".
void spell_out_cuda(Tokens& tokens) {
    if (tokens.size() == 3 && tokens[1].substr(0, 2) == "cu" && cuda_version(tokens[1])) {
        tokens.insert(tokens.begin() + 1, "cuda");
    }
}

} // namespace

std::optional<AssetName> parse_asset_name(std::string_view text) {
    AssetName name;
    if (take_suffix(text, ".tar.gz")) {
        name.archive = AssetName::Archive::tar_gz;
    } else if (!take_suffix(text, ".zip")) {
        return std::nullopt;
    }
    if (take_prefix(text, "llama.cpp-")) return read_ai_dock(name, text);
    if (take_prefix(text, "cudart-")) name.kind = AssetName::Kind::cuda_runtime;
    if (!take_prefix(text, "llama-")) return std::nullopt;

    auto tokens = split(text, '-');
    if (is_tag(tokens.front())) {
        name.tag = std::string(tokens.front());
        tokens.erase(tokens.begin());
    } else if (name.kind == AssetName::Kind::primary) {
        return std::nullopt;
    }
    if (tokens.empty() || tokens.front() != "bin") return std::nullopt;
    tokens.erase(tokens.begin());
    if (name.kind == AssetName::Kind::cuda_runtime) spell_out_cuda(tokens);
    if (!read_system(name, tokens)) return std::nullopt;
    if (name.kind == AssetName::Kind::cuda_runtime && name.backend != Backend::cuda) {
        return std::nullopt;
    }
    return name;
}

} // namespace odysseus::builds
