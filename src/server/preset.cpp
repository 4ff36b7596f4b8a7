#include "odysseus/server/preset.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/models/draft_model.hpp"
#include "odysseus/models/router_view.hpp"

#include <algorithm>
#include <set>

namespace odysseus::server {

namespace {

// llama-server refuses to start when an alias is also an id or another model's alias, so only names
// that nothing else bears are told; the proxy knows them all anyway.
[[nodiscard]] std::string alias_list(const models::Model& model, std::set<std::string>& taken) {
    std::vector<std::string> aliases;
    for (const auto& name : model.names) {
        const bool can_be =
            models::can_be_preset_value(name) && name.find(',') == std::string::npos;
        if (can_be && taken.insert(name).second) aliases.push_back(name);
    }
    return joined(aliases, ",");
}

// Without these llama-server answers 501 to what such a model is for. An input has to fit into one
// batch there, 512 tokens unless said.
[[nodiscard]] std::string kind_lines(const models::Model& model) {
    constexpr std::int64_t k_batch_max = 2048; // beyond it the memory for computing grows large
    if (model.kind == models::ModelKind::chat) return "";
    std::string text =
        model.kind == models::ModelKind::rerank ? "reranking = true\n" : "embeddings = true\n";
    if (model.kind == models::ModelKind::embedding && !model.tells_pooling)
        text += "pooling = mean\n";
    const auto batch = std::min(model.trained_context.value_or(0), k_batch_max);
    if (batch > 512) text += concat("batch-size = ", batch, "\nubatch-size = ", batch, "\n");
    return text;
}

class Writer {
  public:
    Writer(const models::Catalog& catalog, const Placements& placements, const PresetWorker& worker)
        : m_catalog(catalog), m_placements(placements), m_worker(worker) {
        m_taken.insert(catalog.router_ids.begin(), catalog.router_ids.end());
        for (const auto& model : catalog.models)
            m_taken.insert(model.id);
    }

    std::string text() {
        std::string sections;
        for (const auto& model : m_catalog.models)
            sections += section(model);
        if (sections.empty()) return "";
        return "# Written by odysseus at every start; what is changed here is lost.\nversion = "
               "1\n" +
               sections;
    }

  private:
    [[nodiscard]] std::string placement_lines(const models::Model& model) const {
        const auto found = m_placements.find(model.id);
        const auto placement = found != m_placements.end() ? found->second : memory::Placement{};
        if (placement.kind == memory::Placement::Kind::cpu ||
            (m_worker.others_on_cpu && !placement.worker))
            return "device = none\n";
        const auto tensors = memory::override_tensor(placement, model);
        return concat(placement.worker ? worker_lines() : "",
                      tensors.empty() ? "" : concat("override-tensor = ", tensors, "\n"));
    }
    // Finished prompts that are kept would go over the network, as a whole.
    [[nodiscard]] std::string worker_lines() const {
        return concat("rpc = 127.0.0.1:", m_worker.port, "\ncache-ram = 0\n");
    }
    [[nodiscard]] static std::string draft_lines(const models::Model& model) {
        if (!model.uses_draft || !model.draft) return "";
        return concat("model-draft = ", *model.draft,
                      "\nspec-type = ", models::speculation_type(model.draft_architecture), "\n");
    }
    [[nodiscard]] std::string section(const models::Model& model) {
        const bool can_tell = models::can_be_section_name(model.id);
        const auto more = kind_lines(model) + placement_lines(model) + draft_lines(model);
        if (model.listed_by_router && !(can_tell && !more.empty())) return "";
        std::string text = concat("\n[", model.id, "]\n");
        // What the router finds by itself needs no path, and may have one that cannot be told.
        if (!model.listed_by_router) {
            text += concat("model = ", model.path, "\n");
            if (model.mmproj) text += concat("mmproj = ", *model.mmproj, "\n");
            const auto aliases = alias_list(model, m_taken);
            if (!aliases.empty()) text += concat("alias = ", aliases, "\n");
        }
        return text + more;
    }

    const models::Catalog& m_catalog;
    const Placements& m_placements;
    const PresetWorker& m_worker;
    std::set<std::string> m_taken; // names that no alias may be
};

} // namespace

std::string preset_text(const models::Catalog& catalog, const Placements& placements,
                        const PresetWorker& worker) {
    return Writer(catalog, placements, worker).text();
}

} // namespace odysseus::server
