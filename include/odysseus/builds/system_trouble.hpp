// Why a llama-server does not start on this system: what the loader and the system say, in words
// that name the system and the way out.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace odysseus::builds {

struct SystemTrouble {
    std::string what;   // a clause: "this is NixOS, which runs no programs made for other systems"
    std::string remedy; // a sentence
};

struct TroubleContext {
    std::string distribution; // of os-release: "alpine"; empty: not known
    std::string folder;       // llama-server's own, without a '/' at its end
    bool is_missing = false;  // the system says "no such file", though the program is there
};

// Absent: what was printed tells of nothing that is known.
[[nodiscard]] std::optional<SystemTrouble> system_trouble(std::string_view output,
                                                          const TroubleContext& context);

} // namespace odysseus::builds
