#include "asset_offer.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <tuple>

namespace odysseus::builds {
namespace {

bool is_for(const AssetName& name, const hardware::Machine& machine, Backend backend) {
    if (name.kind != AssetName::Kind::primary || name.os != machine.os ||
        name.arch != machine.arch) {
        return false;
    }
    // Apple silicon has one build for both.
    if (backend == Backend::cpu && name.backend == Backend::metal) return true;
    return name.backend == backend;
}

const Asset* runtime_for(const Release& release, const AssetName& build) {
    for (const auto& asset : release.assets) {
        const auto name = parse_asset_name(asset.name);
        if (name && name->kind == AssetName::Kind::cuda_runtime && name->os == build.os &&
            name->arch == build.arch && name->version && build.version &&
            same(*name->version, *build.version) && (!name->tag || *name->tag == release.tag)) {
            return &asset;
        }
    }
    return nullptr;
}

// Old Windows CPU builds by instruction set: what nearly every CPU has comes first; AVX-512 is
// left out, since most have it not.
int variant_rank(std::string_view variant) {
    if (variant == "avx2" || variant == "llvm") return 1;
    if (variant == "avx" || variant == "msvc") return 2;
    if (variant == "noavx") return 3;
    if (variant == "fp16") return 1; // fp32 is what llama.cpp's documents recommend
    return 0;
}

// What a GPU backend that needs no version serves, for the reason.
std::string served_text(const hardware::Machine& machine, std::string_view backend) {
    for (const auto& gpu : machine.gpus) {
        if (!gpu.name.empty()) return concat(backend, " for ", gpu.name);
    }
    return concat(backend, ", whose loader is here");
}

Fit fit_of(const hardware::Machine& machine, const AssetName& name, Backend backend) {
    if (auto obstacle = libc_obstacle(machine, name)) return {Fits::no, 0, std::move(*obstacle)};
    switch (backend) {
    case Backend::cuda: return cuda_fit(machine, name);
    case Backend::rocm: return rocm_fit(machine, name);
    case Backend::sycl: return sycl_fit(machine, name);
    case Backend::vulkan: return {Fits::yes, 0, served_text(machine, "Vulkan")};
    case Backend::metal: return {Fits::yes, 0, "Metal for Apple silicon"};
    case Backend::cpu: break;
    }
    if (name.variant == "avx512") return {Fits::no, 0, "AVX-512 is not in every CPU"};
    return {Fits::yes, 0,
            machine.gpus.empty() ? "the CPU build, no GPU is known here" : "the CPU build"};
}

// More GPUs, then certainty, then the newest version; with nothing certain, the oldest version,
// which asks least of the driver. A tar.gz keeps links and permissions, a zip does not.
bool better(const Offer& a, const Offer& b) {
    const auto rank = [](const Offer& offer) {
        const bool certain = offer.fit.fits == Fits::yes;
        const auto version = offer.name.version.value_or(DottedVersion{});
        const int number = version.major * 100'000 + version.minor_or_zero();
        return std::tuple(-offer.fit.gpus, certain ? 0 : 1, certain ? -number : number,
                          variant_rank(offer.name.variant),
                          offer.name.archive == AssetName::Archive::tar_gz ? 0 : 1);
    };
    return rank(a) < rank(b);
}

void note_missing(Offers& found, const Offer& offer) {
    if (!offer.asset->uploaded)
        found.missing.push_back(offer.asset->name + " is still being uploaded");
    if (!offer.needs_runtime) return;
    if (offer.runtime == nullptr) {
        found.missing.push_back("the CUDA runtime for " + offer.asset->name + " is missing");
    } else if (!offer.runtime->uploaded) {
        found.missing.push_back(offer.runtime->name + " is still being uploaded");
    }
}

bool is_whole(const Offer& offer) {
    return offer.asset->uploaded &&
           (!offer.needs_runtime || (offer.runtime != nullptr && offer.runtime->uploaded));
}

} // namespace

Offers find_offers(const hardware::Machine& machine, const Release& release, Backend backend) {
    Offers found;
    for (const auto& asset : release.assets) {
        auto name = parse_asset_name(asset.name);
        if (!name || !is_for(*name, machine, backend)) continue;
        if (!name->third_party && name->tag != release.tag) continue;
        Offer offer{std::move(*name), &asset, nullptr, false, {}};
        offer.needs_runtime = backend == Backend::cuda && !offer.name.third_party;
        if (offer.needs_runtime) offer.runtime = runtime_for(release, offer.name);
        offer.fit = fit_of(machine, offer.name, backend);
        if (offer.fit.fits == Fits::no) {
            found.obstacles.push_back(offer.fit.why);
            continue;
        }
        note_missing(found, offer);
        if (is_whole(offer)) found.whole.push_back(std::move(offer));
    }
    std::stable_sort(found.whole.begin(), found.whole.end(), better);
    return found;
}

} // namespace odysseus::builds
