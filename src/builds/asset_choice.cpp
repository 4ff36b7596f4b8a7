#include "odysseus/builds/asset_choice.hpp"

#include "asset_offer.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/builds/asset_name.hpp"
#include "odysseus/builds/known_builds.hpp"

#include <algorithm>

namespace odysseus::builds {
namespace {

constexpr std::string_view k_own_build_remedy =
    "a llama-server of your own can be named with --llama-server PATH, or brought in with "
    "'odysseus backend import FILE'";

// The wanted release, then the older ones, newest first. Pointer releases (no archive) and drafts
// do not count.
std::vector<const Release*> in_order(const std::vector<Release>& releases) {
    std::vector<const Release*> order;
    for (const auto& release : releases) {
        const bool has_archive =
            std::any_of(release.assets.begin(), release.assets.end(), [](const Asset& asset) {
                return parse_asset_name(asset.name).has_value();
            });
        if (!release.draft && has_archive) order.push_back(&release);
    }
    if (order.empty()) return order;
    const auto wanted = build_number(order.front()->tag);
    const auto number = [](const Release* release) {
        return build_number(release->tag).value_or(0);
    };
    if (!wanted) return order;
    const auto older = std::remove_if(order.begin() + 1, order.end(), [&](const Release* release) {
        return number(release) >= *wanted;
    });
    order.erase(older, order.end());
    std::stable_sort(order.begin() + 1, order.end(),
                     [&](const Release* a, const Release* b) { return number(a) > number(b); });
    return order;
}

BuildFile file_of(const ChoiceInput& input, std::string_view repo, const Release& release,
                  const Asset& asset, FileRole role) {
    BuildFile file{role, asset.name, asset.url, asset.size_bytes, asset.sha256};
    if (input.download_base != k_github_download) {
        file.url = direct_url(input.download_base, repo, release.tag, asset.name);
    }
    return file;
}

BuildChoice choice_of(const ChoiceInput& input, const Release& release, Backend backend,
                      const Offer& offer) {
    BuildChoice choice;
    choice.source = offer.name.third_party ? k_ai_dock_repo : k_upstream_repo;
    choice.tag = release.tag;
    choice.backend = backend;
    choice.python_cuda_runtime = offer.name.third_party;
    choice.files.push_back(file_of(input, choice.source, release, *offer.asset, FileRole::primary));
    if (offer.runtime != nullptr) {
        choice.files.push_back(
            file_of(input, choice.source, release, *offer.runtime, FileRole::runtime));
    }
    choice.reason = offer.fit.why;
    return choice;
}

// Two certain answers of one backend: say which was taken, and by what rule.
std::string also_fits(const Offers& found) {
    if (found.whole.size() < 2 || found.whole[1].fit.fits != Fits::yes ||
        found.whole[0].fit.fits != Fits::yes) {
        return {};
    }
    const auto& taken = found.whole[0].name;
    const auto& other = found.whole[1].name;
    if (taken.version && other.version && found.whole[0].fit.gpus == found.whole[1].fit.gpus &&
        !same(*taken.version, *other.version)) {
        return "; " + version_text(*other.version) + " would run too, the newer one is taken";
    }
    if (taken.backend == Backend::sycl && taken.variant != other.variant) {
        return "; of fp32 and fp16 the fp32, which llama.cpp recommends for most cases";
    }
    if (taken.archive != other.archive) return "; of zip and tar.gz the tar.gz, which keeps links";
    return {};
}

struct Search {
    std::vector<BuildChoice> choices;
    std::string note; // why there is none
};

void add_choices(Search& search, const ChoiceInput& input, const Release& release, Backend backend,
                 const Offers& found, const std::string& addition) {
    for (const auto& offer : found.whole) {
        const bool first = &offer == &found.whole.front();
        // Further answers of one backend are of use only where a name may not exist, or where the
        // CPU's instruction set decides.
        const bool by_instructions = backend == Backend::cpu && !offer.name.variant.empty();
        if (!first && !release.guessed && !by_instructions) continue;
        auto choice = choice_of(input, release, backend, offer);
        choice.reason += (first ? also_fits(found) : std::string()) + addition;
        if (!offer.name.variant.empty()) choice.reason += " (" + offer.name.variant + " build)";
        search.choices.push_back(std::move(choice));
    }
}

// Strictly first: the newest release that has all of this backend's archives; then the newest that
// has one complete answer.
Search search_releases(const ChoiceInput& input, const std::vector<const Release*>& order,
                       Backend backend, bool bad_too) {
    Search search;
    std::string first_missing;
    for (const bool strictly : {true, false}) {
        for (const auto* release : order) {
            const auto found = find_offers(input.machine, *release, backend);
            if (search.note.empty() && !found.obstacles.empty())
                search.note = found.obstacles.front();
            if (first_missing.empty() && !found.missing.empty()) {
                first_missing = release->tag + " is not complete: " + found.missing.front();
            }
            const auto fault = known_fault(release->tag, input.machine);
            if (fault && !bad_too) {
                if (first_missing.empty()) first_missing = fault_sentence(release->tag, *fault);
                continue;
            }
            if (found.whole.empty() || (strictly && !found.missing.empty())) continue;
            std::string since = first_missing;
            if (since.empty() && !search.note.empty()) {
                since = concat("of ", order.front()->tag, ' ', search.note);
            }
            if (since.empty()) since = concat(order.front()->tag, " has none");
            std::string addition;
            if (release != order.front())
                addition = concat("; from ", release->tag, ", since ", since);
            if (fault)
                addition += concat("; ", fault_sentence(release->tag, *fault),
                                   input.pinned ? ", and is taken because it was asked for"
                                                : ", and is taken because there is no other");
            add_choices(search, input, *release, backend, found, addition);
            return search;
        }
    }
    if (search.note.empty()) search.note = first_missing;
    if (search.note.empty()) {
        search.note = concat("the release has no ", backend_title(backend), " build for ",
                             hardware::os_title(input.machine.os), ' ',
                             hardware::arch_name(input.machine.arch));
    }
    return search;
}

// The build of the wanted tag comes first, if ai-dock has it.
std::vector<const Release*> ai_dock_order(const ChoiceInput& input) {
    std::vector<const Release*> order;
    for (const auto& release : *input.ai_dock) {
        if (!release.draft) order.push_back(&release);
    }
    const auto same_tag = [&](const Release* release) {
        return !input.upstream.empty() && release->tag == input.upstream.front().tag;
    };
    std::stable_partition(order.begin(), order.end(), same_tag);
    return order;
}

// Only one backend, not all: is there anything that llama.cpp could run on here?
std::optional<std::string> impossible(const hardware::Machine& machine, Backend backend) {
    const bool macos = machine.os == hardware::Os::macos;
    if (backend == Backend::metal && (!macos || machine.arch != hardware::Arch::arm64)) {
        return "Metal builds exist for Apple silicon only";
    }
    if (macos && (backend == Backend::cuda || backend == Backend::rocm ||
                  backend == Backend::sycl || backend == Backend::vulkan)) {
        return concat("llama.cpp has no ", backend_title(backend), " build for macOS");
    }
    return std::nullopt;
}

std::string no_build_reason(const ChoiceInput& input, const std::vector<std::string>& notes) {
    const auto& machine = input.machine;
    const auto where =
        concat(hardware::os_title(machine.os), ' ', hardware::arch_name(machine.arch));
    const auto what =
        input.device
            ? concat("no ", backend_title(*input.device), " build of llama.cpp fits this machine (",
                     where, "), and --device asks for it")
            : concat("no build of llama.cpp fits this machine (", where, ')');
    const auto remedy = input.device
                            ? concat("; --device auto takes what fits, and ", k_own_build_remedy)
                            : concat("; ", k_own_build_remedy);
    return what + (notes.empty() ? std::string() : ": " + joined(notes, "; ")) + remedy;
}

// The choice for one backend over all its sources, appended to the plan.
void add_backend(BuildPlan& plan, const ChoiceInput& input,
                 const std::vector<const Release*>& order, Backend backend, bool bad_too) {
    auto search = search_releases(input, order, backend, bad_too);
    if (search.choices.empty() && backend == Backend::cuda &&
        input.machine.os == hardware::Os::linux) {
        if (input.ai_dock) {
            auto second = search_releases(input, ai_dock_order(input), backend, bad_too);
            for (auto& choice : second.choices)
                choice.reason += "; ai-dock's, since " + search.note;
            if (second.choices.empty()) search.note += "; ai-dock: " + second.note;
            search.choices = std::move(second.choices);
        } else {
            plan.wants_ai_dock = true;
        }
    }
    if (search.choices.empty()) {
        plan.notes.push_back(concat(backend_title(backend), ": ", search.note));
        return;
    }
    for (auto& choice : search.choices) {
        if (input.device) choice.reason += "; --device asks for it";
        if (!plan.notes.empty()) choice.reason += " (" + joined(plan.notes, "; ") + ")";
        plan.choices.push_back(std::move(choice));
    }
}

BuildPlan plan_of(const ChoiceInput& input, const std::vector<const Release*>& order,
                  bool bad_too) {
    BuildPlan plan;
    for (const auto backend : candidates(input.machine, input.device)) {
        auto obstacle = impossible(input.machine, backend);
        const bool no_loader = backend == Backend::vulkan && !input.device &&
                               input.machine.backend != Backend::vulkan &&
                               input.machine.vulkan == false;
        if (no_loader) obstacle = "no Vulkan loader is installed";
        if (obstacle) {
            plan.notes.push_back(concat(backend_title(backend), ": ", *obstacle));
            continue;
        }
        add_backend(plan, input, order, backend, bad_too);
    }
    return plan;
}

} // namespace

std::vector<Backend> candidates(const hardware::Machine& machine, std::optional<Backend> device) {
    if (device) return {*device};
    switch (machine.backend) {
    case Backend::cuda: return {Backend::cuda, Backend::vulkan, Backend::cpu};
    case Backend::rocm: return {Backend::rocm, Backend::vulkan, Backend::cpu};
    case Backend::sycl: return {Backend::sycl, Backend::vulkan, Backend::cpu};
    case Backend::vulkan:
        if (hardware::has_sycl(machine)) return {Backend::vulkan, Backend::sycl, Backend::cpu};
        return {Backend::vulkan, Backend::cpu};
    case Backend::metal: return {Backend::metal, Backend::cpu};
    case Backend::cpu: break;
    }
    return {Backend::cpu};
}

std::variant<BuildPlan, NoBuild> choose_builds(const ChoiceInput& input) {
    const auto order = in_order(input.upstream);
    auto plan = plan_of(input, order, input.pinned);
    // A build that is known to be bad is better than none, and gets a finding.
    if (plan.choices.empty()) plan = plan_of(input, order, true);
    if (plan.choices.empty())
        return NoBuild{no_build_reason(input, plan.notes), plan.wants_ai_dock};
    return plan;
}

std::optional<std::size_t> next_choice(const BuildPlan& plan, std::size_t current,
                                       Rejection setback) {
    for (auto next = current + 1; next < plan.choices.size(); ++next) {
        if (setback != Rejection::lists_no_gpu ||
            plan.choices[next].backend != plan.choices[current].backend) {
            return next;
        }
    }
    return std::nullopt;
}

std::string direct_url(std::string_view base, std::string_view repo, std::string_view tag,
                       std::string_view name) {
    while (!base.empty() && base.back() == '/')
        base.remove_suffix(1);
    return concat(base, '/', repo, "/releases/download/", tag, '/', name);
}

std::string nightly_tag_url(std::string_view base, std::string_view repo) {
    while (!base.empty() && base.back() == '/')
        base.remove_suffix(1);
    return concat(base, '/', repo, "/releases/latest/download/", k_nightly_tag_file);
}

} // namespace odysseus::builds
