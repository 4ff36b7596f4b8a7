#include "ollama_models.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/proxy/models_answer.hpp"
#include "ollama_answer.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace odysseus::proxy {
namespace {

using Json = OllamaJson;
using models::GgufInfo;

// llama_ftype of llama.h.
constexpr std::array<std::pair<int, std::string_view>, 34> k_file_types{{
    {0, "F32"},      {1, "F16"},      {2, "Q4_0"},    {3, "Q4_1"},    {7, "Q8_0"},
    {8, "Q5_0"},     {9, "Q5_1"},     {10, "Q2_K"},   {11, "Q3_K_S"}, {12, "Q3_K_M"},
    {13, "Q3_K_L"},  {14, "Q4_K_S"},  {15, "Q4_K_M"}, {16, "Q5_K_S"}, {17, "Q5_K_M"},
    {18, "Q6_K"},    {19, "IQ2_XXS"}, {20, "IQ2_XS"}, {21, "Q2_K_S"}, {22, "IQ3_XS"},
    {23, "IQ3_XXS"}, {24, "IQ1_S"},   {25, "IQ4_NL"}, {26, "IQ3_S"},  {27, "IQ3_M"},
    {28, "IQ2_S"},   {29, "IQ2_M"},   {30, "IQ4_XS"}, {31, "IQ1_M"},  {32, "BF16"},
    {36, "TQ1_0"},   {37, "TQ2_0"},   {38, "MXFP4"},  {39, "NVFP4"},
}};

std::string text_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string file_type_name(std::optional<std::int64_t> number) {
    const auto found = std::find_if(k_file_types.begin(), k_file_types.end(),
                                    [&](const auto& one) { return one.first == number; });
    return found == k_file_types.end() ? "unknown" : std::string(found->second);
}

// "8.0B", "120.00K"
std::string parameter_text(std::optional<std::int64_t> count) {
    if (!count) return {};
    const auto number = static_cast<double>(*count);
    char text[32];
    if (*count >= 1'000'000'000) {
        std::snprintf(text, sizeof text, "%.1fB", number / 1e9);
    } else if (*count >= 1'000'000) {
        std::snprintf(text, sizeof text, "%.2fM", number / 1e6);
    } else if (*count >= 1'000) {
        std::snprintf(text, sizeof text, "%.2fK", number / 1e3);
    } else {
        std::snprintf(text, sizeof text, "%lld", static_cast<long long>(*count));
    }
    return text;
}

Json details(const models::Model& model) {
    const auto family = model.architecture.value_or("");
    Json out{{"parent_model", ""}, {"format", "gguf"}, {"family", family}};
    out["families"] = family.empty() ? Json() : Json::array({family});
    out["parameter_size"] = parameter_text(model.parameter_count);
    out["quantization_level"] = file_type_name(model.file_type);
    return out;
}

Json entry_of(const OllamaModel& model) {
    const auto name = ollama_name(model.model);
    return {{"name", name},
            {"model", name},
            {"modified_at", rfc3339(model.modified_ns)},
            {"size", model.model.loaded_bytes()},
            {"digest", model.digest},
            {"details", details(model.model)}};
}

Json foreign_entry(const std::string& id, std::int64_t size) {
    return {{"name", id},
            {"model", id},
            {"modified_at", rfc3339(0)},
            {"size", size},
            {"digest", std::string(64, '0')},
            {"details", details({})}};
}

struct Loaded {
    std::string id;
    std::int64_t context = 0;
    std::int64_t size = 0;
};

std::int64_t number_in(const Json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

// The size and the context of a model as llama-server tells them, once it is loaded.
Loaded facts_of(const Json& list, const std::string& id) {
    Loaded facts{id};
    for (const auto& entry : list) {
        if (!entry.is_object() || entry.value("id", Json()) != id) continue;
        const auto meta = entry.find("meta");
        if (meta == entry.end() || !meta->is_object()) break;
        facts.context = number_in(*meta, "n_ctx");
        facts.size = number_in(*meta, "size");
        break;
    }
    return facts;
}

Json entries_of(std::string_view router_list) {
    const auto list = Json::parse(router_list, nullptr, false);
    if (!list.is_object() || !list.contains("data") || !list["data"].is_array())
        return Json::array();
    return list["data"];
}

bool mentions(const GgufInfo& header, std::initializer_list<std::string_view> words) {
    return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
        return header.chat_template.find(word) != std::string::npos;
    });
}

Json capabilities(const models::Model& model, const GgufInfo* header) {
    auto out = Json::array();
    if (model.kind == models::ModelKind::embedding) out.push_back("embedding");
    if (model.kind != models::ModelKind::chat) return out; // of reranking Ollama has no word
    out.push_back("completion");
    if (model.mmproj) out.push_back("vision");
    if (header == nullptr) return out;
    if (mentions(*header, {"tools", "tool_call"})) out.push_back("tools");
    if (header->can_insert) out.push_back("insert");
    if (mentions(*header, {"enable_thinking", "reasoning_effort", "reasoning_content", "<think>"}))
        out.push_back("thinking");
    return out;
}

Json json_of(const models::GgufValue& value) {
    return std::visit([](const auto& one) { return Json(one); }, value);
}

// What the file says of itself, under its own keys.
Json model_info(const models::Model& model, const GgufInfo* header) {
    auto out = Json::object();
    if (header == nullptr) return out;
    out["general.architecture"] = header->architecture;
    for (const auto& [key, value] : header->values) {
        const bool full = key.starts_with("general.") || key.starts_with("split.");
        out[full ? key : concat(header->architecture, ".", key)] = json_of(value);
    }
    if (model.parameter_count) out["general.parameter_count"] = *model.parameter_count;
    const auto vocabulary = header->architecture + ".vocab_size";
    if (header->vocab_size && !out.contains(vocabulary)) out[vocabulary] = *header->vocab_size;
    return out;
}

std::string parameter_lines(const OllamaServing& serving) {
    if (serving.context == 0) return {};
    return concat("num_ctx                        ", serving.context);
}

Json shown(std::string_view name, const OllamaServing& serving) {
    Json out{{"modelfile", concat("# Of odysseus, which has no Modelfiles\nFROM ", name, "\n")}};
    out["parameters"] = parameter_lines(serving);
    return out;
}

} // namespace

std::string ollama_name(const models::Model& model) {
    // A model of Ollama's own store has the name that it has there.
    if (model.path.find("/blobs/sha256-") != std::string::npos) {
        for (const auto& name : model.names) {
            if (name.find(':') != std::string::npos) return name;
        }
    }
    const auto& name = model.names.empty() ? model.id : model.names.front();
    return name.find(':') == std::string::npos ? name + ":latest" : name;
}

std::string ollama_tags(const std::vector<OllamaModel>& models,
                        const std::vector<std::string>& foreign, std::string_view router_list) {
    auto list = Json::array();
    for (const auto& model : models)
        list.push_back(entry_of(model));
    const auto entries = foreign.empty() ? Json::array() : entries_of(router_list);
    for (const auto& id : foreign)
        list.push_back(foreign_entry(id, facts_of(entries, id).size));
    return text_of({{"models", std::move(list)}});
}

std::string ollama_ps(const std::vector<OllamaModel>& models, std::string_view router_list,
                      const OllamaServing& serving) {
    auto list = Json::array();
    const auto entries = entries_of(router_list);
    for (const auto& id : loaded_ids(router_list)) {
        const auto facts = facts_of(entries, id);
        const auto known = std::find_if(models.begin(), models.end(),
                                        [&](const auto& one) { return one.model.id == id; });
        auto entry = known == models.end() ? foreign_entry(id, facts.size) : entry_of(*known);
        entry.erase("modified_at");
        // It stays until another model needs its place; this is how Ollama says "for ever".
        entry["expires_at"] = "2318-01-01T00:00:00Z";
        entry["size_vram"] = serving.on_gpu ? entry["size"] : Json(0);
        entry["context_length"] = facts.context > 0 ? facts.context : serving.context;
        list.push_back(std::move(entry));
    }
    return text_of({{"models", std::move(list)}});
}

std::string ollama_show(const OllamaModel& model, const GgufInfo* header,
                        const OllamaServing& serving) {
    auto out = shown(ollama_name(model.model), serving);
    out["template"] = header == nullptr ? "" : header->chat_template;
    const auto license = header == nullptr ? std::nullopt : header->text("general.license");
    if (license) out["license"] = *license;
    out["details"] = details(model.model);
    out["model_info"] = model_info(model.model, header);
    out["capabilities"] = capabilities(model.model, header);
    out["modified_at"] = rfc3339(model.modified_ns);
    return text_of(out);
}

std::string ollama_show_foreign(std::string_view id, const OllamaServing& serving) {
    auto out = shown(id, serving);
    out["template"] = "";
    out["details"] = details({});
    out["model_info"] = Json::object();
    out["capabilities"] = Json::array({"completion"});
    out["modified_at"] = rfc3339(0);
    return text_of(out);
}

} // namespace odysseus::proxy
