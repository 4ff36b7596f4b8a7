// What else a client may have meant by a model's name: programs add an end (.gguf, :latest), a
// provider before it, or give a path.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace odysseus::models {

// The readings of a name, the closest first; the name itself is the first one. Few, and each at
// most as long as the name.
[[nodiscard]] std::vector<std::string> name_readings(std::string_view asked);

// Whether `beginning` is the first words of `name`: what follows it there is a separator.
[[nodiscard]] bool begins_name(std::string_view name, std::string_view beginning);

} // namespace odysseus::models
