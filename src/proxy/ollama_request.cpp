#include "ollama_request.hpp"

#include "dialect.hpp"
#include "odysseus/base/text.hpp"
#include "ollama_messages.hpp"
#include "ollama_options.hpp"
#include "rewrite.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace odysseus::proxy {
namespace {

using Json = OllamaJson;

Json parsed(std::string_view body) {
    // The scanner also limits the depth, which writing JSON would otherwise need the stack for.
    JsonScanner scanner;
    scanner.feed(body);
    auto json = scanner.finish(body).json_object ? Json::parse(body, nullptr, false) : Json();
    if (!json.is_object())
        throw OllamaRefusal{400,
                            broken_json_message(body).value_or("the body must be a JSON object")};
    return json;
}

std::string text_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string model_of(Json& request) {
    auto model = text_field(request, "model");
    return model.empty() ? text_field(request, "name") : model; // as older clients call it
}

// "0", "0s", "0m", 0: the model goes at once. All other times are not kept.
bool is_zero_time(const Json& value) {
    if (value.is_number()) return value.get<double>() == 0;
    if (!value.is_string()) refuse_field("keep_alive", "a number of seconds or a duration");
    const auto& text = value.get_ref<const std::string&>();
    return text.find('0') != std::string::npos &&
           text.find_first_of("123456789") == std::string::npos;
}

class Translation {
  public:
    Translation(OllamaEndpoint endpoint, std::string_view body) : m_request(parsed(body)) {
        m_call.endpoint = endpoint;
        m_call.model = model_of(m_request);
        m_call.stream = truth_field(m_request, "stream", true);
        if (const auto* const keep = field(m_request, "keep_alive"))
            m_call.unload_after = is_zero_time(*keep);
    }

    OllamaCall take() {
        switch (m_call.endpoint) {
        case OllamaEndpoint::chat: chat(); break;
        case OllamaEndpoint::generate: generate(); break;
        default: embed(); break;
        }
        if (!m_call.model.empty()) m_out["model"] = m_call.model;
        m_call.not_applied = joined(m_not_applied, ", ");
        m_call.body = text_of(m_out);
        return std::move(m_call);
    }

  private:
    void chat() {
        auto* const messages = field(m_request, "messages");
        if (messages == nullptr || messages->empty()) return load_or_unload();
        to(OllamaForm::chat, "/v1/chat/completions");
        m_out["messages"] = openai_messages(*messages);
        if (auto* const tools = field(m_request, "tools"); tools != nullptr && !tools->empty()) {
            if (!tools->is_array()) refuse_field("tools", "a list");
            m_out["tools"] = std::move(*tools);
        }
        chat_fields();
    }

    void generate() {
        auto prompt = text_field(m_request, "prompt");
        auto suffix = text_field(m_request, "suffix");
        auto* const images = field(m_request, "images");
        const bool with_images = images != nullptr && !images->empty();
        if (prompt.empty() && suffix.empty() && !with_images) return load_or_unload();
        for (const auto* name : {"template", "context"}) {
            const auto* const value = field(m_request, name);
            if (value != nullptr && !value->empty() && *value != "")
                m_not_applied.emplace_back(name);
        }
        const bool raw = truth_field(m_request, "raw", false);
        if ((raw || !suffix.empty()) && with_images)
            throw OllamaRefusal{400, "images go with a prompt alone, not with raw or suffix"};
        if (!suffix.empty()) return infill(std::move(prompt), std::move(suffix));
        if (raw) return completion(std::move(prompt));
        to(OllamaForm::chat, "/v1/chat/completions");
        auto messages = Json::array();
        if (auto system = text_field(m_request, "system"); !system.empty())
            messages.push_back({{"role", "system"}, {"content", std::move(system)}});
        messages.push_back(user_message(std::move(prompt), images));
        m_out["messages"] = std::move(messages);
        chat_fields();
    }

    void completion(std::string prompt) {
        to(OllamaForm::completion, "/completion");
        m_out["prompt"] = std::move(prompt);
        completion_fields();
    }

    void infill(std::string prompt, std::string suffix) {
        to(OllamaForm::completion, "/infill");
        m_out["input_prefix"] = std::move(prompt);
        m_out["input_suffix"] = std::move(suffix);
        completion_fields();
    }

    void embed() {
        const bool several = m_call.endpoint == OllamaEndpoint::embed;
        auto* const input = field(m_request, several ? "input" : "prompt");
        m_call.stream = false;
        if (input == nullptr || input->empty() || *input == "") return load_or_unload();
        const bool texts = several && input->is_array() &&
                           std::all_of(input->begin(), input->end(),
                                       [](const Json& one) { return one.is_string(); });
        if (!texts && !input->is_string())
            refuse_field(several ? "input" : "prompt",
                         several ? "a string or a list of strings" : "a string");
        to(OllamaForm::embeddings, "/v1/embeddings");
        m_out["input"] = std::move(*input);
        m_out["encoding_format"] = "float";
        if (const auto* const wanted = field(m_request, "dimensions")) {
            if (!wanted->is_number_integer() || wanted->get<std::int64_t>() < 0)
                refuse_field("dimensions", "a whole number");
            if (*wanted > 0) m_call.dimensions = wanted->get<std::int64_t>();
        }
        Json unused;
        options("max_tokens", unused);
    }

    void load_or_unload() {
        m_call.stream = false;
        if (m_call.unload_after && is_generation()) {
            to(OllamaForm::unload, "/models/unload");
        } else {
            to(OllamaForm::load, "/tokenize");
            m_out["content"] = "";
        }
    }

    [[nodiscard]] bool is_generation() const {
        return m_call.endpoint == OllamaEndpoint::chat ||
               m_call.endpoint == OllamaEndpoint::generate;
    }

    void to(OllamaForm form, std::string_view path) {
        m_call.form = form;
        m_call.path = path;
    }

    void options(std::string_view limit, Json& out) {
        auto* const given = field(m_request, "options");
        if (given == nullptr) return;
        auto told = add_options(*given, limit, out);
        m_not_applied.insert(m_not_applied.end(), told.begin(), told.end());
    }

    void chat_fields() {
        options("max_tokens", m_out);
        stream_fields();
        think();
        logprobs();
        auto* const format = wanted_format();
        if (format == nullptr) return;
        if (format->is_object()) {
            m_out["response_format"]["type"] = "json_schema";
            m_out["response_format"]["json_schema"] = {{"name", "answer"},
                                                       {"schema", std::move(*format)}};
        } else {
            m_out["response_format"]["type"] = "json_object";
        }
    }

    void completion_fields() {
        options("n_predict", m_out);
        m_out["stream"] = m_call.stream;
        auto* const format = wanted_format();
        if (format == nullptr) return;
        m_out["json_schema"] = format->is_object() ? std::move(*format) : Json{{"type", "object"}};
    }

    void stream_fields() {
        m_out["stream"] = m_call.stream;
        if (m_call.stream) m_out["stream_options"]["include_usage"] = true;
    }

    // Null: none is asked for.
    Json* wanted_format() {
        auto* const format = field(m_request, "format");
        if (format == nullptr || *format == "") return nullptr;
        if (*format != "json" && !format->is_object())
            refuse_field("format", R"("json" or a JSON schema)");
        return format;
    }

    void think() {
        const auto* const wanted = field(m_request, "think");
        if (wanted == nullptr) return;
        auto& words = m_out["chat_template_kwargs"];
        if (wanted->is_boolean()) {
            words["enable_thinking"] = *wanted;
            return;
        }
        static constexpr std::array<std::string_view, 3> k_levels{"low", "medium", "high"};
        const bool is_level = wanted->is_string() &&
                              std::find(k_levels.begin(), k_levels.end(),
                                        wanted->get_ref<const std::string&>()) != k_levels.end();
        if (!is_level) refuse_field("think", R"(true, false, "low", "medium" or "high")");
        words["enable_thinking"] = true;
        words["reasoning_effort"] = *wanted;
    }

    void logprobs() {
        if (!truth_field(m_request, "logprobs", false)) return;
        m_out["logprobs"] = true;
        const auto* const top = field(m_request, "top_logprobs");
        if (top == nullptr) return;
        if (!top->is_number_integer()) refuse_field("top_logprobs", "a whole number");
        m_out["top_logprobs"] = *top;
    }

    Json m_request;
    Json m_out = Json::object();
    OllamaCall m_call;
    std::vector<std::string> m_not_applied;
};

} // namespace

std::variant<OllamaCall, OllamaRefusal> ollama_call(OllamaEndpoint endpoint,
                                                    std::string_view body) {
    try {
        return Translation(endpoint, body).take();
    } catch (OllamaRefusal& why) {
        return std::move(why);
    }
}

std::variant<OllamaNamed, OllamaRefusal> ollama_named(std::string_view body) {
    try {
        auto request = parsed(body);
        OllamaNamed named{model_of(request), truth_field(request, "stream", true)};
        if (named.model.empty()) throw OllamaRefusal{400, "model is required"};
        return named;
    } catch (OllamaRefusal& why) {
        return std::move(why);
    }
}

std::optional<std::string_view> without_latest(std::string_view name) {
    constexpr std::string_view k_latest = ":latest";
    if (!name.ends_with(k_latest) || name.size() == k_latest.size()) return std::nullopt;
    name.remove_suffix(k_latest.size());
    return name;
}

} // namespace odysseus::proxy
