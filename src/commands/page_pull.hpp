// What the page shows of models that could be fetched, and of one that is being fetched: the JSON
// of GET and POST /odysseus/pull (docs/manual.md).
#pragma once

#include "odysseus/models/model_room.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::commands {

// A model that the page offers; `fits` is absent where the memory is not known.
struct PullOffer {
    std::string title;
    std::string use;
    std::string name; // for POST
    std::int64_t size_bytes = 0;
    std::optional<models::Fits> fits;
    bool recommended = false;
};
[[nodiscard]] std::string pull_offer_json(const std::vector<PullOffer>& offers, bool offline);

// How far a download has come; of several files they are one sum.
struct PullStep {
    std::string title;
    std::string reason; // why this quantisation
    std::string file;
    std::int64_t bytes = 0;
    std::optional<std::int64_t> total;
};
[[nodiscard]] std::string pull_step_json(const PullStep& step);
[[nodiscard]] std::string pull_checking_json(const std::string& file);
[[nodiscard]] std::string pull_done_json(const std::string& title,
                                         const std::vector<std::string>& names);

} // namespace odysseus::commands
