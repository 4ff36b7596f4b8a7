#include "odysseus/models/name_index.hpp"

#include "name_readings.hpp"
#include "odysseus/base/text.hpp"

#include <algorithm>

namespace odysseus::models {

namespace {

bool is_told(Claim claim) {
    return claim < Claim::tag;
}

} // namespace

void NameIndex::add(const std::string& name, const std::string& id, Claim claim) {
    if (name.empty()) return;
    if (claim == Claim::id) m_ids.insert(id);
    m_by_folded_name[lowered(name)].push_back({name, id, claim});
}

std::optional<NameAnswer> NameIndex::known(std::string_view asked) const {
    if (m_ids.contains(asked)) return Resolved{std::string(asked)};
    const auto found = m_by_folded_name.find(lowered(asked));
    if (found == m_by_folded_name.end()) return std::nullopt;
    const auto& entries = found->second;
    const Claim strongest =
        std::min_element(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
            return a.claim < b.claim;
        })->claim;
    std::set<std::string> ids;
    std::set<std::string> spelled_so;
    for (const auto& entry : entries) {
        if (entry.claim != strongest) continue;
        ids.insert(entry.id);
        if (entry.name == asked) spelled_so.insert(entry.id);
    }
    if (ids.size() == 1) return Resolved{*ids.begin()};
    if (spelled_so.size() == 1) return Resolved{*spelled_so.begin()};
    return Ambiguous{{ids.begin(), ids.end()}};
}

NameAnswer NameIndex::find(std::string_view asked) const {
    if (asked.empty()) {
        if (m_ids.size() == 1) return Resolved{*m_ids.begin()};
        if (m_ids.empty()) return Unknown{};
        return Ambiguous{{m_ids.begin(), m_ids.end()}};
    }
    const auto readings = name_readings(asked);
    for (const auto& reading : readings) {
        if (auto answer = known(reading)) return *answer;
    }
    for (const auto& reading : readings) {
        if (auto answer = beginning(reading)) return *answer;
    }
    return Unknown{odysseus::nearest(asked, names_to_suggest())};
}

// The models of which a name begins so.
std::optional<NameAnswer> NameIndex::beginning(std::string_view asked) const {
    std::set<std::string> ids;
    const auto low = lowered(asked);
    for (auto at = m_by_folded_name.lower_bound(low);
         at != m_by_folded_name.end() && at->first.starts_with(low); ++at) {
        if (!begins_name(at->first, low)) continue;
        for (const auto& entry : at->second) {
            if (is_told(entry.claim)) ids.insert(entry.id);
        }
    }
    if (ids.empty()) return std::nullopt;
    if (ids.size() == 1) return Resolved{*ids.begin()};
    return Ambiguous{{ids.begin(), ids.end()}};
}

std::vector<std::string> NameIndex::names_to_suggest() const {
    std::vector<std::string> names;
    for (const auto& [folded, entries] : m_by_folded_name) {
        const auto told = std::find_if(entries.begin(), entries.end(),
                                       [](const Entry& entry) { return is_told(entry.claim); });
        if (told != entries.end() && std::holds_alternative<Resolved>(*known(told->name)))
            names.push_back(told->name);
    }
    return names;
}

std::vector<std::string> NameIndex::names_of(const std::string& id) const {
    std::vector<std::string> names;
    for (const auto& [folded, entries] : m_by_folded_name) {
        const Entry* best = nullptr; // the strongest spelling of this model's own
        for (const auto& entry : entries) {
            if (entry.id != id || !is_told(entry.claim)) continue;
            if (best == nullptr || entry.claim < best->claim) best = &entry;
        }
        if (best == nullptr) continue;
        const auto answer = known(best->name);
        const auto* resolved = std::get_if<Resolved>(&*answer);
        if (resolved != nullptr && resolved->id == id) names.push_back(best->name);
    }
    std::stable_sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
        return a.size() < b.size();
    });
    return names;
}

} // namespace odysseus::models
