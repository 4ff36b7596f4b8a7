// What is kept about the choice of a build and about newer ones, and what is said of it.
#pragma once

#include "odysseus/hardware/machine.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::commands {

// The machine for which a build was chosen (data/build_machine.json).
struct ChosenFor {
    Backend backend = Backend::cpu;
    std::vector<std::string> gpus; // names
};
[[nodiscard]] std::string chosen_for_text(const ChosenFor& chosen);
[[nodiscard]] std::optional<ChosenFor> chosen_for(std::string_view json);
[[nodiscard]] ChosenFor chosen_for(const hardware::Machine& machine);

// A sentence when this machine could use a better build than one for `used`, and is not the one
// that it was chosen for; absent: nothing came.
[[nodiscard]] std::optional<std::string> better_build(const hardware::Machine& machine,
                                                      std::optional<Backend> device, Backend used,
                                                      const ChosenFor& then);

// What was heard of newer releases (data/update_check.json), seconds since 1970.
struct UpdateCheck {
    std::int64_t asked_s = 0;
    std::int64_t told_s = 0;
    std::string newest; // a tag
};
[[nodiscard]] std::string update_check_text(const UpdateCheck& check);
[[nodiscard]] UpdateCheck update_check_from(std::string_view json);
// Once a day each.
[[nodiscard]] bool should_ask(const UpdateCheck& check, std::int64_t now_s);
[[nodiscard]] bool should_tell(const UpdateCheck& check, std::string_view current,
                               std::int64_t now_s);
[[nodiscard]] bool is_newer(std::string_view tag, std::string_view than);
// "https://github.com/ggml-org/llama.cpp/compare/b11160...b11669"
[[nodiscard]] std::string what_is_new(std::string_view from, std::string_view to);

} // namespace odysseus::commands
