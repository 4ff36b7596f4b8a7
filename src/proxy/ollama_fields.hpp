// Reading Ollama's requests field by field.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace odysseus::proxy {

// Why a request cannot be translated. Thrown while its fields are read, caught in ollama_call().
struct OllamaRefusal {
    int status = 400;
    std::string message;
};

using OllamaJson = nlohmann::ordered_json;

[[noreturn]] void refuse_field(std::string_view name, std::string_view what);

// Null: it is not there, or null.
[[nodiscard]] OllamaJson* field(OllamaJson& object, std::string_view name);
// Empty where it is not there. The text is moved out.
[[nodiscard]] std::string text_field(OllamaJson& object, std::string_view name);
[[nodiscard]] bool truth_field(OllamaJson& object, std::string_view name, bool otherwise);

} // namespace odysseus::proxy
