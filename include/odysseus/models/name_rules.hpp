// What a user says about names beside what the files say: aliases, and which model answers to names
// that nobody has.
#pragma once

#include "odysseus/models/name_index.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::models {

struct Alias {
    std::string name;  // a star at its end stands for any ending
    std::string model; // any name of a model
};

// "NAME=MODEL"; absent: it is not one.
[[nodiscard]] std::optional<Alias> alias_from(std::string_view text);

struct NameRules {
    std::vector<Alias> aliases;
    std::optional<std::string> default_model; // any name; answers requests without one
    bool any_name = false;                    // and those with a name that nobody has
};

// An alias without a star comes before the files' own names, one with a star after them. A default
// model that was chosen also answers to the names of models that only their makers' clouds have.
[[nodiscard]] NameAnswer answer_to(std::string_view asked, const NameIndex& names,
                                   const NameRules& rules);

// What the default model's own name leads to; where there is none, the only model.
[[nodiscard]] NameAnswer default_answer(const NameIndex& names, const NameRules& rules);

} // namespace odysseus::models
