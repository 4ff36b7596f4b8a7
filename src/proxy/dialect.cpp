#include "dialect.hpp"

#include "endpoints.hpp"
#include "http_forward.hpp"
#include "odysseus/base/json_fault.hpp"
#include "odysseus/base/text.hpp"
#include "ollama_endpoints.hpp"
#include "rewrite.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace odysseus::proxy {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t k_plain_text_max = 1024;

std::string_view anthropic_type(int status) {
    switch (status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 413: return "request_too_large";
    case 429: return "rate_limit_error";
    case 503:
    case 529: return "overloaded_error";
    default: return status >= 500 ? "api_error" : "invalid_request_error";
    }
}

std::string anthropic_error(int status, std::string_view message) {
    return concat(R"({"type":"error","error":{"type":")", anthropic_type(status), R"(","message":)",
                  json_quoted(message), "}}");
}

std::string error_for_both(const ErrorFacts& error) {
    return concat(R"({"type":"error","error":{"message":)", json_quoted(error.message),
                  R"(,"type":")", anthropic_type(error.status), R"(","param":)",
                  error.param.empty() ? "null" : json_quoted(error.param), R"(,"code":)",
                  json_quoted(error.code), "}}");
}

std::optional<std::int64_t> number_in(const Json& error, const char* key) {
    const auto found = error.find(key);
    if (found == error.end() || !found->is_number_integer()) return std::nullopt;
    return found->get<std::int64_t>();
}

std::string text_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// "Field 'n': [json.exception.type_error.302] type must be number" without the library's words.
std::string without_library(std::string_view said) {
    constexpr std::string_view k_library = "[json.exception.";
    std::string text(said);
    for (auto at = text.find(k_library); at != std::string::npos; at = text.find(k_library, at)) {
        const auto end = text.find("] ", at);
        if (end == std::string::npos) break;
        text.erase(at, end + 2 - at);
    }
    constexpr std::string_view k_key = "key '";
    constexpr std::string_view k_missing = "' not found";
    if (text.size() == said.size() || !text.starts_with(k_key) || !text.ends_with(k_missing))
        return text;
    const auto key = text.substr(k_key.size(), text.size() - k_key.size() - k_missing.size());
    return concat("'", key, "' is required");
}

// What a client looks for to shorten its prompt, then llama-server's words, then what to do.
std::string too_long_message(const Json& error, std::string_view said, std::int64_t context) {
    const auto prompt = number_in(error, "n_prompt_tokens");
    const auto limit = number_in(error, "n_ctx").value_or(context);
    std::string text = "prompt is too long";
    if (prompt) text += concat(": ", *prompt, " tokens > ", limit, " maximum");
    text += concat(" (context_length_exceeded): ", said);
    if (!said.ends_with('.')) text += '.';
    return concat(text, " odysseus runs this model with a context of ", limit,
                  " tokens; start it with a larger --ctx N if memory allows.");
}

std::string_view work_of(models::ModelKind kind) {
    switch (kind) {
    case models::ModelKind::embedding: return "embeddings";
    case models::ModelKind::rerank: return "ranking";
    case models::ModelKind::chat: break;
    }
    return "chat";
}

// llama-server names a flag of its own, which would not be the cure.
std::string wrong_kind_message(const AskedModel& model) {
    auto text = concat("The model '", model.name, "' is for ", work_of(model.kind),
                       "; this request needs one for ", work_of(model.needed), ". ");
    if (!model.fitting.empty()) return concat(text, "There is: ", joined(model.fitting, ", "), ".");
    switch (model.needed) {
    case models::ModelKind::embedding:
        return concat(text, "Get one: odysseus pull nomic-ai/nomic-embed-text-v1.5-GGUF (or let "
                            "every model do it: odysseus -- --embeddings --pooling last).");
    case models::ModelKind::rerank:
        return concat(text, "Get one: odysseus pull gpustack/bge-reranker-v2-m3-GGUF.");
    case models::ModelKind::chat: break;
    }
    return concat(text, "odysseus pull NAME gets one.");
}

} // namespace

Dialect dialect_of(std::string_view path) {
    if (is_ollama(path)) return Dialect::ollama;
    return is_anthropic(path) ? Dialect::anthropic : Dialect::openai;
}

Dialect dialect_of_beginning(std::string_view request) {
    const auto line = request.substr(0, request.find('\n'));
    const auto target_at = line.find(' ');
    if (target_at == std::string_view::npos) return Dialect::unknown;
    const auto target = line.substr(target_at + 1);
    const auto end = target.find_first_of("? \r");
    if (end == std::string_view::npos || !target.starts_with('/')) return Dialect::unknown;
    return dialect_of(meant_path(target.substr(0, end)));
}

std::string error_body(Dialect dialect, const ErrorFacts& error) {
    switch (dialect) {
    case Dialect::anthropic: return anthropic_error(error.status, error.message);
    case Dialect::ollama: return ollama_error(error.message);
    case Dialect::unknown: return error_for_both(error);
    case Dialect::openai: break;
    }
    return openai_error(error.status, error.code, error.message, error.param);
}

std::string error_event(Dialect dialect, std::string_view body) {
    if (dialect == Dialect::ollama) return ollama_error(message_of_error(body)) + "\n";
    std::string line(body);
    std::replace_if(
        line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    return concat(dialect == Dialect::anthropic ? "event: error\n" : "", "data: ", line, "\n\n");
}

std::string_view ping_event(Dialect dialect) {
    return dialect == Dialect::anthropic ? "event: ping\ndata: {\"type\": \"ping\"}\n\n"
                                         : ": loading...\n\n";
}

std::optional<std::string> translated_error(Dialect dialect, int status, std::string_view body,
                                            const AskedModel& model) {
    constexpr auto npos = std::string::npos;
    auto document = Json::parse(body, nullptr, false);
    const bool told = document.is_object() && document.contains("error");
    const bool anthropic = dialect == Dialect::anthropic;
    if (anthropic && told && document.value("type", Json()) == "error") return std::nullopt;
    if (!told || !document["error"].is_object()) {
        if (dialect == Dialect::ollama) return ollama_error(message_of_error(body));
        if (!anthropic) return std::nullopt;
        const auto text = trimmed(body.substr(0, k_plain_text_max));
        return anthropic_error(status, text.empty() ? "llama-server gave no reason" : text);
    }
    auto& error = document["error"];
    const auto said = error.contains("message") && error["message"].is_string()
                          ? error["message"].get<std::string>()
                          : text_of(error);
    auto message = without_library(said);
    const bool too_long = error.value("type", Json()) == "exceed_context_size_error";
    if (too_long) message = too_long_message(error, message, model.context);
    // The second is what an encoder says of a chat.
    const bool cannot = status == 501 || message.find("does not support logits") != npos;
    const bool wrong_kind = cannot && model.kind != model.needed;
    if (wrong_kind) message = wrong_kind_message(model);
    if (anthropic) return anthropic_error(status, message);
    if (dialect == Dialect::ollama) return ollama_error(message);
    if (message == said) return std::nullopt;
    error["message"] = std::move(message);
    return text_of(document);
}

std::optional<std::string> long_input_message(std::string_view said) {
    constexpr std::string_view k_input = "input (";
    constexpr std::string_view k_batch = "(current batch size: ";
    const auto batch_at = said.find(k_batch);
    if (!said.starts_with(k_input) || batch_at == std::string_view::npos) return std::nullopt;
    const auto number = [](std::string_view from) {
        return from.substr(0, from.find_first_not_of("0123456789"));
    };
    return concat("The input is too long: ", number(said.substr(k_input.size())), " tokens > ",
                  number(said.substr(batch_at + k_batch.size())),
                  " maximum. This model reads a text at once; send it in shorter pieces.");
}

std::string no_pictures_message(std::string_view model, const std::vector<std::string>& fitting) {
    return concat("The model '", model, "' sees no pictures. ",
                  fitting.empty() ? "One that does: odysseus pull ggml-org/gemma-3-4b-it-GGUF"
                                  : concat("There is: ", joined(fitting, ", ")),
                  ".");
}

std::optional<std::string> broken_json_message(std::string_view body) {
    if (trimmed(body).empty()) return "The request has no body; it must be a JSON object.";
    if (!is_utf8(body))
        return "The body must be UTF-8; Windows PowerShell sends it so with -ContentType "
               "'application/json; charset=utf-8'.";
    const auto place = json_fault_place(body);
    if (place.empty()) return std::nullopt;
    auto text = concat("The body must be a JSON object; the mistake is at ", place, ".");
    auto begin = trimmed(body);
    const bool whole_quoted = begin.starts_with('\'');
    if (begin.starts_with('{')) begin = trimmed(begin.substr(1));
    const char first = begin.empty() ? '}' : begin.front();
    const bool bare_name = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z');
    if (whole_quoted || bare_name)
        text += " The shell has changed its quotation marks; put the JSON into a file, and say "
                "-d @FILE (in cmd.exe also: -d \"{\\\"model\\\": ...}\").";
    else if (first == '\'')
        text += " JSON wants double quotation marks.";
    return text;
}

} // namespace odysseus::proxy
