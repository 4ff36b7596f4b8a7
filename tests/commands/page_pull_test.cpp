#include "commands/page_pull.hpp"

#include <catch2/catch_test_macros.hpp>

#include <nlohmann/json.hpp>

using namespace odysseus::commands;
using nlohmann::json;
using odysseus::models::Fits;

TEST_CASE("what could be fetched is told with what fits, as far as that is known") {
    const auto offer =
        json::parse(pull_offer_json({{"Small", "quick", "org/small:Q4", 100, Fits::yes, true},
                                     {"Huge", "best", "org/huge:Q4", 900, Fits::no, false},
                                     {"Large", "better", "org/large:Q4", 700, Fits::partly, false},
                                     {"Other", "", "org/other", 5, std::nullopt, false}},
                                    true));
    CHECK(offer.at("offline") == true);
    const auto& starters = offer.at("starters");
    REQUIRE(starters.size() == 4);
    CHECK(starters[0] == json{{"title", "Small"},
                              {"use", "quick"},
                              {"name", "org/small:Q4"},
                              {"size_bytes", 100},
                              {"fits", "yes"},
                              {"recommended", true}});
    CHECK(starters[1].at("fits") == "no");
    CHECK(starters[2].at("fits") == "partly");
    CHECK(starters[3].at("fits").is_null());
}

TEST_CASE("each step of a download is one line, whatever a name holds") {
    const std::string odd = "a\"b\n\xff.gguf";
    PullStep step{"org/repo:Q4", "it fits", odd, 7, std::nullopt};
    for (const auto& line : {pull_step_json(step), pull_checking_json(odd),
                             pull_done_json("org/repo:Q4", {"repo", odd})}) {
        CHECK(line.find('\n') == std::string::npos);
        CHECK(json::parse(line).is_object());
    }
    CHECK(json::parse(pull_step_json(step)).at("total").is_null());
    step.total = 9;
    CHECK(json::parse(pull_step_json(step)).at("total") == 9);
    CHECK(json::parse(pull_done_json("t", {"n"})).at("state") == "done");
}
