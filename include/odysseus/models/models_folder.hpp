// The models folder as it is now: the proxy's directory of models, over the catalog that a scan
// makes.
#pragma once

#include "odysseus/models/model_directory.hpp"
#include "odysseus/models/model_scan.hpp"
#include "odysseus/models/name_rules.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace odysseus::models {

// Thread-safe.
class Models final : public ModelDirectory {
  public:
    // `stand_in` is offered while the folder holds no model.
    Models(ModelScan scan, std::optional<Model> stand_in, NameRules rules);

    [[nodiscard]] ModelLookup lookup(std::string_view asked) const override;
    [[nodiscard]] std::vector<Model> models() const override;
    [[nodiscard]] std::vector<std::string> folder_ids() const override;
    bool refresh() override;

    [[nodiscard]] std::shared_ptr<const Catalog> catalog() const;
    // Called by the thread that found a change, before others see the new catalog. When it throws,
    // the change is known all the same, and the next refresh() calls it again. Set it before others
    // use this object.
    void on_change(std::function<void(const Catalog&)> call);

  private:
    [[nodiscard]] std::shared_ptr<const Catalog> scanned();
    [[nodiscard]] bool tell(const Catalog& fresh);

    std::mutex m_scan_mutex; // one thread walks at a time
    ModelScan m_scan;
    std::uint64_t m_signature = 0;
    std::function<void(const Catalog&)> m_on_change;
    bool m_trouble_told = false;
    std::optional<Model> m_stand_in;
    NameRules m_rules;

    mutable std::mutex m_mutex;
    std::shared_ptr<const Catalog> m_catalog;
};

} // namespace odysseus::models
