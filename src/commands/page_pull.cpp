#include "page_pull.hpp"

#include "odysseus/memory/placement.hpp"

#include <nlohmann/json.hpp>

namespace odysseus::commands {
namespace {

using Json = nlohmann::ordered_json;

std::string line_of(const Json& document) {
    return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace

std::string pull_offer_json(const std::vector<PullOffer>& offers, bool offline) {
    Json starters = Json::array();
    for (const auto& offer : offers) {
        starters.push_back({{"title", offer.title},
                            {"use", offer.use},
                            {"name", offer.name},
                            {"size_bytes", offer.size_bytes},
                            {"fits", offer.fits ? Json(memory::fits_name(*offer.fits)) : Json()},
                            {"recommended", offer.recommended}});
    }
    return line_of({{"offline", offline}, {"starters", std::move(starters)}}) + "\n";
}

std::string pull_step_json(const PullStep& step) {
    return line_of({{"state", "fetching"},
                    {"title", step.title},
                    {"reason", step.reason},
                    {"file", step.file},
                    {"bytes", step.bytes},
                    {"total", step.total ? Json(*step.total) : Json()}});
}

std::string pull_checking_json(const std::string& file) {
    return line_of({{"state", "checking"}, {"file", file}});
}

std::string pull_done_json(const std::string& title, const std::vector<std::string>& names) {
    return line_of({{"state", "done"}, {"title", title}, {"names", names}});
}

} // namespace odysseus::commands
