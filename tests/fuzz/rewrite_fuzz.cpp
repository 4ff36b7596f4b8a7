// Bytes in, bytes out: where llama-server's parser (nlohmann) takes the body, the edited one must
// parse to the same with only the top-level model changed, however the bytes arrived.
#include "proxy/rewrite.hpp"

#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

using namespace odysseus;

namespace {

constexpr const char* k_id = "org/\"the\\ model\":Q4";

void require(bool held) {
    if (!held) std::abort();
}

} // namespace

// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t step = data[0] % 16 + 1;
    const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
    proxy::JsonScanner piecewise;
    for (std::size_t fed = 0; fed < body.size(); fed += step)
        piecewise.feed(body.substr(0, fed));
    const auto facts = piecewise.finish(body);
    proxy::JsonScanner at_once;
    const auto same = at_once.finish(body);
    require(facts.json_object == same.json_object && facts.has_model == same.has_model &&
            facts.stream == same.stream && facts.model.has_value() == same.model.has_value());

    auto before = nlohmann::json::parse(body, nullptr, false);
    if (!before.is_object()) return 0; // untouched, or rewritten into what is refused anyway
    if (!facts.json_object) return 0;  // nested too deeply
    require(before.contains("model") == facts.has_model);
    const bool is_null = facts.has_model && before["model"].is_null();
    require((is_null || (facts.has_model && before["model"].is_string())) ==
            facts.model.has_value());
    const bool stream = before.contains("stream") && before["stream"] == true;
    require(stream == facts.stream);
    if (facts.has_model && !facts.model) return 0;
    if (facts.model && !is_null) {
        const auto text = proxy::json_string_text(
            body.substr(facts.model->begin, facts.model->end - facts.model->begin));
        require(text && *text == before["model"].get<std::string>());
    }
    const auto after =
        nlohmann::json::parse(proxy::edited(body, proxy::model_edit(facts, k_id)), nullptr, false);
    before["model"] = k_id;
    require(after == before);
    return 0;
}
