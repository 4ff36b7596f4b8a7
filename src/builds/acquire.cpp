#include "odysseus/builds/acquire.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/builds/known_builds.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace odysseus::builds {

namespace {

using Answer = std::variant<BuildPlan, NoBuild>;

// The plan begins with the backend that this machine should run on.
bool settled(const Answer& answer, const ChoiceInput& input) {
    const auto* plan = std::get_if<BuildPlan>(&answer);
    return plan != nullptr &&
           plan->choices.front().backend == candidates(input.machine, input.device).front();
}

bool wants_ai_dock(const Answer& answer) {
    return std::visit([](const auto& one) { return one.wants_ai_dock; }, answer);
}

// Further releases make a plan better; that they cannot be had is no reason to stop.
template <class Ask>
auto answer_if_any(Ask ask) -> std::optional<decltype(ask())> {
    try {
        return ask();
    } catch (const Stopped&) {
        throw;
    } catch (const Error& error) {
        log::debug(concat("no further releases: ", error.what()));
        return std::nullopt;
    }
}

// Where the release that is wanted is known to be bad, the newest builds of upstream stand in for
// it, also those that are newer.
void leave_bad_release(const hardware::Machine& machine, ReleaseSource& source,
                       ChoiceInput& input) {
    if (input.upstream.empty() || !known_fault(input.upstream.front().tag, machine)) return;
    const auto more = answer_if_any([&] { return source.recent(); });
    if (!more) return;
    const bool any_good = std::any_of(more->begin(), more->end(), [&](const Release& release) {
        return !known_fault(release.tag, machine);
    });
    if (any_good) input.upstream = *more;
}

} // namespace

BuildPlan plan_build(const BuildWish& wish, ReleaseSource& source) {
    ChoiceInput input;
    input.machine = wish.machine;
    input.device = wish.device;
    input.download_base = wish.download_base;
    input.upstream = source.wanted();
    input.pinned = source.pinned();
    if (!input.pinned) leave_bad_release(wish.machine, source, input);
    auto answer = choose_builds(input);
    // A pin is a pin; and where names are guessed, the API does not answer anyway.
    const bool may_widen = !source.pinned() && !input.upstream.front().guessed;
    if (!settled(answer, input) && may_widen && input.upstream.size() == 1) {
        if (auto more = answer_if_any([&] { return source.recent(); })) {
            // Older ones only: a stable channel does not run ahead of what it names.
            const auto wanted = build_number(input.upstream.front().tag);
            std::copy_if(more->begin(), more->end(), std::back_inserter(input.upstream),
                         [&](const Release& one) { return build_number(one.tag) < wanted; });
            answer = choose_builds(input);
        }
    }
    if (!settled(answer, input) && wants_ai_dock(answer)) {
        input.ai_dock = answer_if_any([&] { return source.ai_dock(); });
        if (input.ai_dock) answer = choose_builds(input);
    }
    if (const auto* none = std::get_if<NoBuild>(&answer)) {
        throw Error(Fault::no_build, none->reason);
    }
    return std::get<BuildPlan>(std::move(answer));
}

InstalledBuild acquire_build(const BuildWish& wish, ReleaseSource& source, BuildStore& store,
                             const InstallOptions& options) {
    auto with_trust = options;
    with_trust.http.trust = source.http().trust;
    const auto plan = plan_build(wish, source);
    return install_plan(store, plan, with_trust);
}

} // namespace odysseus::builds
