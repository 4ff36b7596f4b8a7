#include "odysseus/models/models_folder.hpp"

#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"

#include "odysseus/base/exception_text.hpp"

#include <algorithm>
#include <utility>

namespace odysseus::models {
namespace {

template <class... Handlers>
struct Visitor : Handlers... {
    using Handlers::operator()...;
};
template <class... Handlers>
Visitor(Handlers...) -> Visitor<Handlers...>;

std::string leads_nowhere(std::string_view what, std::string_view name) {
    return concat(what, " leads to no model: there is no ", name,
                  " alone; odysseus models lists the names.");
}

// Clients that offer a list of models offer aliases too.
void tell_aliases(const NameRules& rules, Catalog& catalog) {
    const bool has_default = std::holds_alternative<Resolved>(default_answer(catalog.names, rules));
    if (rules.default_model && !has_default)
        catalog.findings.push_back(leads_nowhere("--default-model", *rules.default_model));
    for (const auto& alias : rules.aliases) {
        const auto answer = catalog.names.find(alias.model);
        const auto* const found = std::get_if<Resolved>(&answer);
        if (found == nullptr) {
            catalog.findings.push_back(
                leads_nowhere(concat("The alias ", alias.name), alias.model));
            continue;
        }
        if (alias.name.ends_with('*')) continue;
        const auto model =
            std::find_if(catalog.models.begin(), catalog.models.end(),
                         [&](const Model& candidate) { return candidate.id == found->id; });
        if (model != catalog.models.end()) model->names.push_back(alias.name);
    }
}

} // namespace

Models::Models(ModelScan scan, std::optional<Model> stand_in, NameRules rules)
    : m_scan(std::move(scan)), m_stand_in(std::move(stand_in)), m_rules(std::move(rules)) {
    m_signature = m_scan.signature();
    m_catalog = scanned();
}

std::shared_ptr<const Catalog> Models::scanned() {
    auto catalog = std::make_shared<Catalog>(m_scan.catalog());
    if (catalog->models.empty() && m_stand_in) {
        catalog->models.push_back(*m_stand_in);
        for (const auto& name : m_stand_in->names) {
            catalog->names.add(name, m_stand_in->id,
                               name == m_stand_in->id ? Claim::id : Claim::file);
        }
    }
    tell_aliases(m_rules, *catalog);
    return catalog;
}

std::shared_ptr<const Catalog> Models::catalog() const {
    const std::lock_guard lock(m_mutex);
    return m_catalog;
}

ModelLookup Models::lookup(std::string_view asked) const {
    return std::visit(Visitor{
                          [](Resolved&& found) {
                              return ModelLookup{true, std::move(found.id), false, {}};
                          },
                          [](Unknown&& unknown) {
                              return ModelLookup{false, {}, false, std::move(unknown.nearest)};
                          },
                          [](Ambiguous&& ambiguous) {
                              return ModelLookup{false, {}, true, std::move(ambiguous.candidates)};
                          },
                      },
                      answer_to(asked, catalog()->names, m_rules));
}

std::vector<Model> Models::models() const {
    return catalog()->models;
}

std::vector<std::string> Models::folder_ids() const {
    return catalog()->router_ids;
}

bool Models::refresh() {
    const std::lock_guard scanning(m_scan_mutex);
    const auto signature = m_scan.signature();
    if (signature == m_signature) return false;
    auto fresh = scanned();
    // Before requests are let through to it, llama-server must know of the model.
    if (tell(*fresh)) m_signature = signature; // else the next look tells it again
    const std::lock_guard lock(m_mutex);
    m_catalog = std::move(fresh);
    return true;
}

// False: it failed, which is logged once.
bool Models::tell(const Catalog& fresh) {
    if (!m_on_change) return true;
    try {
        m_on_change(fresh);
        m_trouble_told = false;
        return true;
    } catch (...) {
        if (!std::exchange(m_trouble_told, true))
            log::warn(concat("a change of the models folder was not passed on to llama-server: ",
                             current_exception_text(),
                             "; it is tried again with every request for "
                             "the list of models"));
        return false;
    }
}

void Models::on_change(std::function<void(const Catalog&)> call) {
    m_on_change = std::move(call);
}

} // namespace odysseus::models
