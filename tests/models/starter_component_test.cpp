#include "odysseus/models/starter.hpp"

#include "odysseus/models/starter_models.hpp"

#include <catch2/catch_test_macros.hpp>
#include <vector>

using namespace odysseus;
using namespace odysseus::models;

namespace {

constexpr std::int64_t k_gib = std::int64_t{1} << 30;

struct Person {
    std::vector<std::optional<std::string>> answers;
    std::vector<std::string> questions;

    Asker asker() {
        return [this](const std::string& question) {
            questions.push_back(question);
            const auto index = questions.size() - 1;
            return index < answers.size() ? answers[index] : std::nullopt;
        };
    }
};

} // namespace

TEST_CASE("starter list: Enter takes the recommended one") {
    Person person{{""}, {}};
    const auto name = offer_starter_models({6 * k_gib}, true, person.asker());
    CHECK(name == starter_models()[3].name);
    REQUIRE(person.questions.size() == 1);
    const auto& shown = person.questions.front();
    INFO(shown);
    for (const auto& model : starter_models())
        CHECK(shown.find(model.title) != std::string::npos);
    CHECK(shown.find("4.6 GiB") != std::string::npos);
    CHECK(shown.find("recommended") != std::string::npos);
    CHECK(shown.find("Enter = 4") != std::string::npos);
}

TEST_CASE("starter list: what does not fit is marked, and can be taken all the same") {
    Person person{{"7"}, {}};
    CHECK(offer_starter_models({2 * k_gib}, true, person.asker()) == starter_models()[6].name);
    CHECK(person.questions.front().find("too large") != std::string::npos);

    Person unknown{{"1"}, {}};
    CHECK(offer_starter_models({}, true, unknown.asker()) == starter_models()[0].name);
    CHECK(unknown.questions.front().find("too large") == std::string::npos);
}

TEST_CASE("starter list: skipped, unclear, or nobody there") {
    Person skips{{"s"}, {}};
    CHECK_FALSE(offer_starter_models({k_gib}, true, skips.asker()));

    Person mumbles{{"what?", "99", "2"}, {}};
    CHECK(offer_starter_models({k_gib}, true, mumbles.asker()) == starter_models()[1].name);
    CHECK(mumbles.questions.size() == 3);
    CHECK(mumbles.questions[1].find("A number from 1 to 7") == 0);

    Person gone{{}, {}};
    CHECK_FALSE(offer_starter_models({k_gib}, true, gone.asker()));

    Person never{std::vector<std::optional<std::string>>(100, "x"), {}};
    CHECK_FALSE(offer_starter_models({k_gib}, true, never.asker()));
    CHECK(never.questions.size() == 5);
}
