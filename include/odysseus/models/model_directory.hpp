// What the proxy may ask about models.
#pragma once

#include "odysseus/models/model.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace odysseus::models {

struct ModelLookup {
    bool known = false;
    std::string id;                     // llama-server's, when known
    bool ambiguous = false;             // several models claim the name
    std::vector<std::string> suggested; // not known: names that are near, or those that claim it
};

// Thread-safe. All but refresh() answer from memory, at once.
class ModelDirectory {
  public:
    virtual ~ModelDirectory() = default;
    // The empty name asks for the default: the only model, or the one that is configured.
    [[nodiscard]] virtual ModelLookup lookup(std::string_view asked) const = 0;
    [[nodiscard]] virtual std::vector<Model> models() const = 0;
    // Ids under which llama-server lists files of the folder by itself, models or not.
    [[nodiscard]] virtual std::vector<std::string> folder_ids() const = 0;
    // Looks at the folder again; true when something has changed. May read the disk.
    virtual bool refresh() = 0;
};

} // namespace odysseus::models
