#include "ollama_fields.hpp"

#include "odysseus/base/text.hpp"

#include <utility>

namespace odysseus::proxy {

void refuse_field(std::string_view name, std::string_view what) {
    throw OllamaRefusal{400, concat(name, " must be ", what)};
}

OllamaJson* field(OllamaJson& object, std::string_view name) {
    const auto found = object.find(name);
    return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string text_field(OllamaJson& object, std::string_view name) {
    auto* const value = field(object, name);
    if (value == nullptr) return {};
    if (!value->is_string()) refuse_field(name, "a string");
    return std::move(value->get_ref<std::string&>());
}

bool truth_field(OllamaJson& object, std::string_view name, bool otherwise) {
    auto* const value = field(object, name);
    if (value == nullptr) return otherwise;
    if (!value->is_boolean()) refuse_field(name, "true or false");
    return value->get<bool>();
}

} // namespace odysseus::proxy
