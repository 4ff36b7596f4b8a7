#include "build_news_text.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/builds/asset_choice.hpp"
#include "odysseus/settings/settings.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace odysseus::commands {
namespace {

using nlohmann::json;

constexpr std::int64_t k_day_s = 24 * 3600;
constexpr std::size_t k_gpus_max = 64;

// A clock that was set back is no reason to be silent for years.
bool is_a_day_ago(std::int64_t then_s, std::int64_t now_s) {
    return then_s > now_s || now_s - then_s >= k_day_s;
}

std::int64_t seconds_in(const json& document, const char* key) {
    const auto found = document.find(key);
    return found != document.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

} // namespace

std::string chosen_for_text(const ChosenFor& chosen) {
    return json{{"backend", backend_name(chosen.backend)}, {"gpus", chosen.gpus}}.dump(
               2, ' ', false, json::error_handler_t::replace) +
           "\n";
}

std::optional<ChosenFor> chosen_for(std::string_view text) {
    const auto document = json::parse(text, nullptr, false);
    if (!document.is_object()) return std::nullopt;
    const auto backend = document.find("backend");
    const auto gpus = document.find("gpus");
    if (backend == document.end() || !backend->is_string() || gpus == document.end() ||
        !gpus->is_array() || gpus->size() > k_gpus_max)
        return std::nullopt;
    const auto known = backend_from(backend->get_ref<const std::string&>());
    if (!known) return std::nullopt;
    ChosenFor chosen{*known, {}};
    for (const auto& gpu : *gpus) {
        if (gpu.is_string()) chosen.gpus.push_back(gpu.get<std::string>());
    }
    return chosen;
}

ChosenFor chosen_for(const hardware::Machine& machine) {
    ChosenFor chosen{machine.backend, {}};
    for (const auto& gpu : machine.gpus)
        chosen.gpus.push_back(gpu.name);
    return chosen;
}

std::optional<std::string> better_build(const hardware::Machine& machine,
                                        std::optional<Backend> device, Backend used,
                                        const ChosenFor& then) {
    const auto best = builds::candidates(machine, device);
    const auto place = std::find(best.begin(), best.end(), used);
    if (device || place == best.begin()) return std::nullopt;
    std::string came;
    for (const auto& gpu : machine.gpus) {
        const bool is_new =
            std::find(then.gpus.begin(), then.gpus.end(), gpu.name) == then.gpus.end();
        if (is_new && came.empty()) came = gpu.name.empty() ? "a GPU" : gpu.name;
    }
    // The same GPUs, and what they need has been installed since.
    if (came.empty() && then.backend != best.front())
        came = concat("what ", backend_title(best.front()), " needs");
    if (came.empty()) return std::nullopt;
    return concat(came, " came after this llama.cpp build (", backend_title(used),
                  ") was chosen. One for ", backend_title(best.front()),
                  " is taken by: odysseus backend install");
}

std::string update_check_text(const UpdateCheck& check) {
    return json{{"asked_s", check.asked_s}, {"told_s", check.told_s}, {"newest", check.newest}}
               .dump(2, ' ', false, json::error_handler_t::replace) +
           "\n";
}

UpdateCheck update_check_from(std::string_view text) {
    UpdateCheck check;
    const auto document = json::parse(text, nullptr, false);
    if (!document.is_object()) return check;
    check.asked_s = seconds_in(document, "asked_s");
    check.told_s = seconds_in(document, "told_s");
    if (const auto newest = document.find("newest");
        newest != document.end() && newest->is_string() &&
        settings::is_release_name(newest->get_ref<const std::string&>()))
        check.newest = newest->get<std::string>();
    return check;
}

bool should_ask(const UpdateCheck& check, std::int64_t now_s) {
    return is_a_day_ago(check.asked_s, now_s);
}

bool should_tell(const UpdateCheck& check, std::string_view current, std::int64_t now_s) {
    return is_newer(check.newest, current) && is_a_day_ago(check.told_s, now_s);
}

bool is_newer(std::string_view tag, std::string_view than) {
    const auto number = builds::build_number(tag);
    const auto other = builds::build_number(than);
    return number && other && *number > *other;
}

std::string what_is_new(std::string_view from, std::string_view to) {
    return concat(builds::k_github_download, "/", builds::k_upstream_repo, "/compare/", from, "...",
                  to);
}

} // namespace odysseus::commands
