// POST /api/pull: the name of what is wanted, and the lines that tell how far it has come.
#pragma once

#include "ollama_fields.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace odysseus::proxy {

// What odysseus fetches by that name: "hf.co/org/repo:Q4_K_M" is "org/repo:Q4_K_M". Names of
// Ollama's own library are refused.
[[nodiscard]] std::variant<std::string, OllamaRefusal> ollama_pull_name(std::string_view asked);

struct OllamaPullState {
    std::string status;   // "pulling manifest", "pulling 6a0746a1ec1a", "success"
    std::string digest{}; // of the file that is being fetched
    std::optional<std::int64_t> total{};
    std::optional<std::int64_t> completed{};

    bool operator==(const OllamaPullState&) const = default;
};
[[nodiscard]] std::string ollama_pull_line(const OllamaPullState& state);

// What a file is called: its digest, or its name where the hub tells none.
[[nodiscard]] OllamaPullState ollama_pull_file(const std::optional<std::string>& sha256,
                                               std::string_view file_name,
                                               std::optional<std::int64_t> total);

} // namespace odysseus::proxy
