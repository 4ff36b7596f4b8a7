#include "odysseus/models/name_rules.hpp"

#include "name_readings.hpp"
#include "odysseus/base/text.hpp"

#include <algorithm>
#include <array>

namespace odysseus::models {
namespace {

bool has_star(const Alias& alias) {
    return alias.name.ends_with('*');
}

bool covers(const Alias& alias, std::string_view asked) {
    if (!has_star(alias)) return same_name(alias.name, asked);
    const auto beginning = std::string_view(alias.name).substr(0, alias.name.size() - 1);
    return same_name(asked.substr(0, beginning.size()), beginning);
}

// Of several with a star the longest.
const Alias* alias_for(const std::vector<std::string>& readings, const NameRules& rules,
                       bool star) {
    const Alias* best = nullptr;
    for (const auto& alias : rules.aliases) {
        if (has_star(alias) != star) continue;
        if (best != nullptr && best->name.size() >= alias.name.size()) continue;
        if (std::any_of(readings.begin(), readings.end(),
                        [&](const std::string& reading) { return covers(alias, reading); }))
            best = &alias;
    }
    return best;
}

// Names that clients ask for unless they are told otherwise, and that no file has.
bool is_hosted_name(std::string_view asked) {
    const auto name = lowered(asked.substr(asked.rfind('/') + 1));
    if (name.starts_with("gpt-oss")) return false;
    static constexpr std::array<std::string_view, 9> k_whole{
        "default", "auto", "local-model", "claude", "sonnet", "opus", "haiku", "o1", "o3"};
    static constexpr std::array<std::string_view, 7> k_beginnings{
        "claude-", "gpt-", "chatgpt-", "gemini-", "o1-", "o3-", "o4-"};
    return std::find(k_whole.begin(), k_whole.end(), name) != k_whole.end() ||
           std::any_of(k_beginnings.begin(), k_beginnings.end(),
                       [&](std::string_view beginning) { return name.starts_with(beginning); });
}

} // namespace

std::optional<Alias> alias_from(std::string_view text) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    Alias alias{std::string(trimmed(text.substr(0, equals))),
                std::string(trimmed(text.substr(equals + 1)))};
    const auto star = alias.name.find('*');
    const bool star_within = star != std::string::npos && star + 1 != alias.name.size();
    if (alias.name.empty() || alias.model.empty() || star_within) return std::nullopt;
    return alias;
}

NameAnswer default_answer(const NameIndex& names, const NameRules& rules) {
    if (!rules.default_model) return names.find("");
    return answer_to(*rules.default_model, names,
                     {.aliases = rules.aliases, .default_model = {}, .any_name = false});
}

NameAnswer answer_to(std::string_view asked, const NameIndex& names, const NameRules& rules) {
    if (asked.empty()) {
        auto answer = default_answer(names, rules);
        return std::holds_alternative<Resolved>(answer) ? answer : names.find("");
    }
    const auto readings = name_readings(asked);
    if (const auto* alias = alias_for(readings, rules, false)) return names.find(alias->model);
    auto answer = names.find(asked);
    if (std::holds_alternative<Resolved>(answer)) return answer;
    if (const auto* alias = alias_for(readings, rules, true)) return names.find(alias->model);
    const bool is_unknown = std::holds_alternative<Unknown>(answer);
    const bool by_default =
        rules.any_name || (rules.default_model.has_value() && is_hosted_name(asked));
    if (!is_unknown || !by_default) return answer;
    const auto instead = answer_to("", names, rules);
    return std::holds_alternative<Resolved>(instead) ? instead : answer;
}

} // namespace odysseus::models
