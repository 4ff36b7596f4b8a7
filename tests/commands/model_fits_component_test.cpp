#include "odysseus/commands/model_fits.hpp"

#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <string>
#include <vector>

namespace odysseus::commands {

TEST_CASE("The estimate holds as many models as the proxy lets llama-server hold") {
    settings::Settings settings;
    const auto held = [&](const std::vector<std::string>& llama_args) {
        const auto rules = fit_rules(settings, {}, llama_args, std::nullopt);
        CHECK(rules.models_max == models_held(settings, llama_args));
        return rules.models_max;
    };
    CHECK(held({}) == 1);
    settings.models_max = 2;
    CHECK(held({}) == 2);
    CHECK(held({"--models-max", "3"}) == 3);
    CHECK(held({"--models-max", "0"}) == 0);
}

} // namespace odysseus::commands
