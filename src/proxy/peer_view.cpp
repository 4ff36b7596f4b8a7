#include "odysseus/proxy/peer_view.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace odysseus::proxy {
namespace {

using Json = nlohmann::json;

constexpr std::size_t k_models_max = 1000;
constexpr std::size_t k_name_bytes_max = 256;
constexpr std::size_t k_word_bytes_max = 64;
constexpr int k_depth_max = 32;
constexpr std::int64_t k_number_max = std::int64_t{1} << 52;

// Absent: it is no JSON, or nested more deeply than any honest answer.
Json parsed(std::string_view body) {
    const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth <= k_depth_max; };
    return Json::parse(body, shallow, false);
}

const Json* member(const Json& object, const char* key) {
    if (!object.is_object()) return nullptr;
    const auto found = object.find(key);
    return found == object.end() ? nullptr : &*found;
}

bool can_be_shown(std::string_view text) {
    return is_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
               return static_cast<unsigned char>(c) < ' ' || c == 0x7f;
           });
}

std::string text_of(const Json* value, std::size_t bytes_max) {
    if (value == nullptr || !value->is_string()) return {};
    const auto& text = value->get_ref<const std::string&>();
    return text.size() <= bytes_max && can_be_shown(text) ? text : std::string();
}

std::optional<std::int64_t> number_of(const Json* value) {
    if (value == nullptr || !value->is_number_integer()) return std::nullopt;
    const auto number = value->get<std::int64_t>();
    if (number < 0 || number > k_number_max) return std::nullopt;
    return number;
}

std::optional<std::int64_t> context_of(const Json& entry) {
    if (const auto tokens = number_of(member(entry, "context_length"))) return tokens;
    if (const auto* const meta = member(entry, "meta")) return number_of(member(*meta, "n_ctx"));
    return std::nullopt;
}

PeerFit fit_from(std::string_view word) {
    if (word == "yes") return PeerFit::yes;
    if (word == "partly") return PeerFit::partly;
    return word == "no" ? PeerFit::no : PeerFit::unknown;
}

std::optional<std::int64_t> free_mib_of(const Json& hardware) {
    const auto* const gpus = member(hardware, "gpus");
    std::optional<std::int64_t> on_gpus;
    if (text_of(member(hardware, "backend"), k_word_bytes_max) != "cpu" && gpus != nullptr &&
        gpus->is_array()) {
        for (const auto& gpu : *gpus) {
            if (const auto free = number_of(member(gpu, "free_mib")))
                on_gpus = std::min(on_gpus.value_or(0) + *free, k_number_max);
        }
    }
    return on_gpus ? on_gpus : number_of(member(hardware, "available_ram_mib"));
}

void take_fits(PeerView& view, const Json& models) {
    std::map<std::string, PeerFit, std::less<>> fits;
    for (const auto& model : models) {
        const auto fit = fit_from(text_of(member(model, "fits"), k_word_bytes_max));
        fits.emplace(text_of(member(model, "id"), k_name_bytes_max), fit);
        const auto* const names = member(model, "names");
        if (names == nullptr || !names->is_array()) continue;
        for (const auto& name : *names)
            fits.emplace(text_of(&name, k_name_bytes_max), fit);
    }
    for (auto& model : view.models) {
        if (const auto found = fits.find(model.id); found != fits.end()) model.fits = found->second;
    }
}

} // namespace

bool take_models(PeerView& view, std::string_view body) {
    const auto list = parsed(body);
    const auto* const data = member(list, "data");
    if (data == nullptr || !data->is_array()) return false;
    view.models.clear();
    view.speaks_llama = false;
    std::set<std::string> taken;
    for (const auto& entry : *data) {
        if (view.models.size() == k_models_max) break;
        PeerModel model;
        model.id = text_of(member(entry, "id"), k_name_bytes_max);
        if (model.id.empty() || !taken.insert(model.id).second) continue;
        const auto* const status = member(entry, "status");
        const auto* const value = status != nullptr ? member(*status, "value") : nullptr;
        model.loaded = value == nullptr || text_of(value, k_word_bytes_max) == "loaded";
        model.context = context_of(entry);
        if (text_of(member(entry, "owned_by"), k_word_bytes_max) == "llamacpp")
            view.speaks_llama = true;
        view.models.push_back(std::move(model));
    }
    return true;
}

bool take_status(PeerView& view, std::string_view body) {
    const auto status = parsed(body);
    const auto version = text_of(member(status, "version"), k_word_bytes_max);
    const auto state = text_of(member(status, "state"), k_word_bytes_max);
    const auto* const generation = member(status, "generation");
    if (version.empty() || state.empty() || !number_of(generation)) return false;
    view.is_odysseus = true;
    view.speaks_llama = true;
    view.version = version;
    view.state = state;
    if (const auto* const hardware = member(status, "hardware"))
        view.free_mib = free_mib_of(*hardware);
    if (const auto* const models = member(status, "models"); models && models->is_array())
        take_fits(view, *models);
    view.active = 0;
    if (const auto* const requests = member(status, "requests"))
        view.active =
            static_cast<std::uint64_t>(number_of(member(*requests, "active")).value_or(0));
    return true;
}

} // namespace odysseus::proxy
