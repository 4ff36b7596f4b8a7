#include "odysseus/builds/runtime_fit.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <vector>

namespace odysseus::builds {
namespace {

// What the machine says about CUDA; the driver is one for all GPUs.
struct NvidiaSide {
    std::vector<const hardware::Gpu*> gpus;
    std::optional<std::string> driver;
    std::optional<DottedVersion> cuda;
};

NvidiaSide nvidia_side(const hardware::Machine& machine) {
    NvidiaSide side;
    for (const auto& gpu : machine.gpus) {
        if (gpu.vendor != hardware::Vendor::nvidia) continue;
        side.gpus.push_back(&gpu);
        if (!side.driver && gpu.driver && dotted_version(*gpu.driver)) side.driver = gpu.driver;
        if (!side.cuda && gpu.cuda) side.cuda = dotted_version(*gpu.cuda);
    }
    if (!side.cuda && side.driver) side.cuda = cuda_of_driver(*side.driver);
    return side;
}

std::string driver_text(const NvidiaSide& side) {
    const auto supports = side.cuda ? "CUDA " + version_text(*side.cuda) : std::string();
    if (!side.driver) return "the driver supports " + supports;
    if (!side.cuda) return "driver " + *side.driver;
    return "driver " + *side.driver + " supports " + supports;
}

bool has_machine_code(const DottedVersion& build, const DottedVersion& capability) {
    if (same(capability, {8, 6}) || same(capability, {8, 9})) return true;
    if (same(capability, {12, 0})) return !below(build, {12, 8});
    return same(capability, {12, 1}) && !below(build, {12, 9});
}

DottedVersion lowest_capability(const AssetName& build) {
    if (build.third_party || build.version->major >= 13) return {7, 5};
    return {5, 0};
}

// CUDA 13.1 and newer come with drivers that no longer know anything below 7.5; and no NVIDIA arm64
// machine that these builds run on has less.
bool surely_turing(const NvidiaSide& side, const AssetName& build) {
    return build.arch == hardware::Arch::arm64 || (side.cuda && !below(*side.cuda, {13, 1}));
}

Fits capability_fits(const NvidiaSide& side, const AssetName& build,
                     const std::optional<DottedVersion>& capability) {
    const auto lowest = lowest_capability(build);
    if (capability) return below(*capability, lowest) ? Fits::no : Fits::yes;
    if (same(lowest, {5, 0}) || surely_turing(side, build)) return Fits::yes;
    return Fits::perhaps;
}

Fits driver_fits(const NvidiaSide& side, const AssetName& build,
                 const std::optional<DottedVersion>& capability) {
    if (!side.cuda) return Fits::perhaps;
    if (!below(*side.cuda, *build.version)) return Fits::yes;
    if (side.cuda->major != build.version->major || build.third_party) return Fits::no;
    if (!capability) return Fits::perhaps;
    return has_machine_code(*build.version, *capability) ? Fits::yes : Fits::no;
}

std::string gpu_text(const hardware::Gpu& gpu) {
    auto name = gpu.name.empty() ? std::string("an NVIDIA GPU") : gpu.name;
    if (!gpu.compute_capability || !dotted_version(*gpu.compute_capability)) return name;
    return name + " (compute capability " + *gpu.compute_capability + ")";
}

std::string why_cuda_fits(const NvidiaSide& side, const AssetName& build, const hardware::Gpu& gpu,
                          Fits fits) {
    const auto what = "CUDA " + version_text(*build.version) + " for " + gpu_text(gpu);
    if (!side.driver && !side.cuda) return what + "; the driver's version is not known";
    if (fits == Fits::perhaps) return what + "; " + driver_text(side) + ", which may do";
    return what + "; " + driver_text(side);
}

std::string why_cuda_does_not(const NvidiaSide& side, const AssetName& build,
                              const hardware::Gpu& gpu) {
    const auto what = "CUDA " + version_text(*build.version);
    const auto capability =
        gpu.compute_capability ? dotted_version(*gpu.compute_capability) : std::nullopt;
    if (capability && below(*capability, lowest_capability(build))) {
        return what + " needs compute capability " + version_text(lowest_capability(build)) +
               " or newer, " + gpu.name + " has " + *gpu.compute_capability;
    }
    return what + " needs a newer driver: " + driver_text(side);
}

Fits gpu_fits(const NvidiaSide& side, const AssetName& build, const hardware::Gpu& gpu) {
    const auto capability =
        gpu.compute_capability ? dotted_version(*gpu.compute_capability) : std::nullopt;
    return std::min(capability_fits(side, build, capability), driver_fits(side, build, capability));
}

} // namespace

std::optional<DottedVersion> cuda_of_driver(std::string_view driver) {
    // The branch in which each CUDA release first appeared (CUDA's release notes).
    struct Branch {
        int driver;
        DottedVersion cuda;
    };
    static constexpr Branch k_branches[] = {
        {610, {13, 3}}, {590, {13, 1}}, {580, {13, 0}}, {575, {12, 9}}, {570, {12, 8}},
        {565, {12, 7}}, {560, {12, 6}}, {555, {12, 5}}, {550, {12, 4}}, {545, {12, 3}},
        {535, {12, 2}}, {530, {12, 1}}, {525, {12, 0}}, {520, {11, 8}}, {515, {11, 7}},
        {510, {11, 6}}, {495, {11, 5}}, {470, {11, 4}}};
    const auto number = dotted_version(driver);
    if (!number) return std::nullopt;
    for (const auto& branch : k_branches) {
        if (number->major >= branch.driver) return branch.cuda;
    }
    return std::nullopt;
}

Fit cuda_fit(const hardware::Machine& machine, const AssetName& build) {
    if (!build.version) return {Fits::no, 0, "the archive's name tells no CUDA version"};
    const auto side = nvidia_side(machine);
    if (side.gpus.empty()) {
        return {Fits::perhaps, 0,
                "CUDA " + version_text(*build.version) + "; no NVIDIA GPU is known here"};
    }
    Fit fit;
    for (const auto* gpu : side.gpus) {
        const auto fits = gpu_fits(side, build, *gpu);
        if (fits == Fits::no) {
            if (fit.gpus == 0) fit.why = why_cuda_does_not(side, build, *gpu);
            continue;
        }
        if (fit.gpus == 0) fit.why = why_cuda_fits(side, build, *gpu, fits);
        fit.fits = fit.gpus == 0 ? fits : std::min(fit.fits, fits);
        ++fit.gpus;
    }
    if (fit.gpus > 1) fit.why += concat(" (one of ", fit.gpus, " GPUs)");
    return fit;
}

std::vector<std::size_t> unserved_gpus(const hardware::Machine& machine, const AssetName& build) {
    std::vector<std::size_t> unserved;
    if (!build.version || build.backend != Backend::cuda) return unserved;
    const auto side = nvidia_side(machine);
    for (std::size_t i = 0; i < side.gpus.size(); ++i) {
        const auto& told = side.gpus[i]->compute_capability;
        const auto capability = told ? dotted_version(*told) : std::nullopt;
        if (capability_fits(side, build, capability) == Fits::no) unserved.push_back(i);
    }
    // A build that serves none was not chosen for these GPUs: what it says itself counts.
    if (unserved.size() == side.gpus.size()) unserved.clear();
    return unserved;
}

Fit rocm_fit(const hardware::Machine& machine, const AssetName& build) {
    const auto installed = machine.rocm ? dotted_version(*machine.rocm) : std::nullopt;
    const auto what = build.version ? "ROCm " + version_text(*build.version) : std::string("HIP");
    const auto gpus =
        std::count_if(machine.gpus.begin(), machine.gpus.end(),
                      [](const hardware::Gpu& gpu) { return gpu.vendor == hardware::Vendor::amd; });
    if (!build.variant.empty() &&
        std::none_of(machine.gpus.begin(), machine.gpus.end(),
                     [&](const hardware::Gpu& gpu) { return gpu.gfx == build.variant; })) {
        return {Fits::no, 0, what + " for " + build.variant + " is for another chip"};
    }
    if (!installed) {
        return {Fits::perhaps, static_cast<int>(gpus), what + "; no ROCm runtime is known here"};
    }
    if (!build.version) { // "hip-radeon": made with HIP 6, later 7; the name does not tell
        const bool may_do = installed->major == 6 || installed->major == 7;
        return {may_do ? Fits::perhaps : Fits::no, static_cast<int>(gpus),
                what + (may_do ? " beside ROCm " : " 6 or 7 is needed, this machine has ROCm ") +
                    *machine.rocm};
    }
    if (installed->major != build.version->major) {
        return {Fits::no, 0,
                concat(what, " needs a ROCm ", build.version->major, " runtime, this machine has ",
                       *machine.rocm)};
    }
    return {Fits::yes, static_cast<int>(gpus), what + " with the installed ROCm " + *machine.rocm};
}

Fit sycl_fit(const hardware::Machine& machine, const AssetName& build) {
    const auto is_intel = [](const hardware::Gpu& gpu) {
        return gpu.vendor == hardware::Vendor::intel;
    };
    const auto gpus =
        static_cast<int>(std::count_if(machine.gpus.begin(), machine.gpus.end(), is_intel));
    const auto gpu = std::find_if(machine.gpus.begin(), machine.gpus.end(), is_intel);
    std::string what = "SYCL";
    if (gpus == 0)
        what += "; no Intel GPU is known here";
    else if (!gpu->name.empty())
        what += " for " + gpu->name;

    if (!machine.sycl) return {Fits::perhaps, gpus, what + "; no SYCL runtime is known here"};
    if (build.os == hardware::Os::windows) {
        if (*machine.sycl != "none") return {gpus > 0 ? Fits::yes : Fits::perhaps, gpus, what};
        return {Fits::no, 0,
                "SYCL needs Level Zero (ze_loader.dll), which Intel's graphics driver brings: "
                "install or update that driver"};
    }
    const auto installed = parsed_int(*machine.sycl);
    if (installed == hardware::k_sycl_library_major) {
        return {gpus > 0 ? Fits::yes : Fits::perhaps, gpus, what + " with the installed oneAPI"};
    }
    if (installed > hardware::k_sycl_library_major) {
        return {Fits::perhaps, gpus,
                concat(what, "; it may need libsycl.so.", hardware::k_sycl_library_major,
                       " (oneAPI 2025), this system has libsycl.so.", *installed)};
    }
    return {Fits::no, 0,
            concat("SYCL needs Intel's oneAPI runtime 2025 (libsycl.so.",
                   hardware::k_sycl_library_major,
                   ") and Level Zero (libze_loader.so.1), this system has ",
                   installed ? concat("libsycl.so.", *installed) : std::string("not both"),
                   ": install intel-deep-learning-essentials-2025.3 and libze1, or source oneAPI's "
                   "setvars.sh when it is not in /opt/intel/oneapi")};
}

std::optional<std::string> libc_obstacle(const hardware::Machine& machine, const AssetName& build) {
    if (machine.os != hardware::Os::linux || !machine.glibc) return std::nullopt;
    const bool built_on_24_04 =
        !build.third_party && (build.arch == hardware::Arch::arm64 ||
                               build.backend == Backend::rocm || build.backend == Backend::sycl);
    const DottedVersion floor{2, built_on_24_04 ? 38 : 34};
    const auto what =
        concat("it needs glibc ", version_text(floor), " or newer, this system ",
               machine.distribution ? concat("(", *machine.distribution, ") ") : "", "has ");
    if (*machine.glibc == "none") return what + "another C library (musl)";
    const auto here = dotted_version(*machine.glibc);
    if (!here || !below(*here, floor)) return std::nullopt;
    return what + *machine.glibc;
}

} // namespace odysseus::builds
