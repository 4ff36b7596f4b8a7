#include "ollama_messages.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

namespace odysseus::proxy {
namespace {

// What the first bytes of a picture are in base64.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> k_kinds{{
    {"/9j/", "jpeg"},
    {"iVBORw0KGgo", "png"},
    {"R0lGOD", "gif"},
    {"UklGR", "webp"},
    {"Qk", "bmp"},
    {"SUkq", "tiff"},
}};

std::string data_url(std::string&& base64) {
    if (base64.starts_with("data:")) return std::move(base64);
    const auto kind = std::find_if(k_kinds.begin(), k_kinds.end(),
                                   [&](const auto& one) { return base64.starts_with(one.first); });
    const auto name = kind == k_kinds.end() ? std::string_view("png") : kind->second;
    return concat("data:image/", name, ";base64,").append(base64);
}

OllamaJson content_with_images(std::string text, OllamaJson& images) {
    if (!images.is_array()) refuse_field("images", "a list of base64 strings");
    auto parts = OllamaJson::array();
    if (!text.empty()) parts.push_back({{"type", "text"}, {"text", std::move(text)}});
    for (auto& image : images) {
        if (!image.is_string()) refuse_field("images", "a list of base64 strings");
        OllamaJson part{{"type", "image_url"}};
        part["image_url"]["url"] = data_url(std::move(image.get_ref<std::string&>()));
        parts.push_back(std::move(part));
    }
    return parts;
}

// Gives the calls of tools ids, and their answers the ids of the calls.
class Calls {
  public:
    OllamaJson openai_calls(OllamaJson& calls) {
        if (!calls.is_array()) refuse_field("tool_calls", "a list");
        m_open.clear();
        auto out = OllamaJson::array();
        for (auto& call : calls)
            out.push_back(openai_call(call));
        return out;
    }

    std::string id_for(const std::string& tool) {
        auto found = std::find_if(m_open.begin(), m_open.end(),
                                  [&](const Call& one) { return one.tool == tool; });
        if (tool.empty() || found == m_open.end()) found = m_open.begin();
        if (found == m_open.end()) return "call_0";
        auto id = std::move(found->id);
        m_open.erase(found);
        return id;
    }

  private:
    struct Call {
        std::string id;
        std::string tool;
    };

    OllamaJson openai_call(OllamaJson& call) {
        auto* const function = call.is_object() ? field(call, "function") : nullptr;
        if (function == nullptr || !function->is_object())
            refuse_field("tool_calls", "a list of objects with a function");
        auto id = text_field(call, "id");
        if (id.empty()) id = concat("call_", ++m_last);
        const auto name = text_field(*function, "name");
        auto* const given = field(*function, "arguments");
        std::string arguments = "{}";
        if (given != nullptr && given->is_string()) arguments = given->get<std::string>();
        if (given != nullptr && !given->is_string()) arguments = given->dump();
        m_open.push_back({id, name});
        return {{"id", id},
                {"type", "function"},
                {"function", {{"name", name}, {"arguments", std::move(arguments)}}}};
    }

    std::deque<Call> m_open;
    int m_last = 0;
};

OllamaJson openai_message(OllamaJson& message, Calls& calls) {
    if (!message.is_object()) refuse_field("messages", "a list of objects");
    OllamaJson out;
    const auto role = text_field(message, "role");
    if (role.empty()) refuse_field("messages", "a list of objects with a role");
    out["role"] = role;
    auto* const parts = field(message, "content");
    if (parts != nullptr && parts->is_array()) {
        out["content"] = std::move(*parts); // OpenAI's own shape
    } else {
        auto text = text_field(message, "content");
        auto* const images = field(message, "images");
        const bool with_images = images != nullptr && !images->empty();
        if (with_images) {
            out["content"] = content_with_images(std::move(text), *images);
        } else {
            out["content"] = std::move(text);
        }
    }
    if (auto thinking = text_field(message, "thinking"); !thinking.empty())
        out["reasoning_content"] = std::move(thinking);
    if (auto* const made = field(message, "tool_calls"); made != nullptr && !made->empty())
        out["tool_calls"] = calls.openai_calls(*made);
    if (role == "tool") {
        auto tool = text_field(message, "tool_name");
        auto id = text_field(message, "tool_call_id");
        out["tool_call_id"] = id.empty() ? calls.id_for(tool) : id;
        if (!tool.empty()) out["name"] = std::move(tool);
    }
    return out;
}

} // namespace

OllamaJson openai_messages(OllamaJson& messages) {
    if (!messages.is_array()) refuse_field("messages", "a list");
    auto out = OllamaJson::array();
    Calls calls;
    for (auto& message : messages)
        out.push_back(openai_message(message, calls));
    return out;
}

OllamaJson user_message(std::string text, OllamaJson* images) {
    OllamaJson out{{"role", "user"}};
    if (images != nullptr && !images->empty()) {
        out["content"] = content_with_images(std::move(text), *images);
    } else {
        out["content"] = std::move(text);
    }
    return out;
}

} // namespace odysseus::proxy
