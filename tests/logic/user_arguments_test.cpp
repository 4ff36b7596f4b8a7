#include "odysseus/logic/user_arguments.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;

TEST_CASE(
    "user arguments: what they say of the cache and of the models counts, the last one wins") {
    const auto said = user_arguments(
        {"--cache-type-k", "q8_0", "-ctv", "q4_0", "--models-max=3", "-ctk", "Q5_1"});
    CHECK(said.key_type == CacheType::q5_1);
    CHECK(said.value_type == CacheType::q4_0);
    CHECK(said.models_max == 3U);
}

TEST_CASE("user arguments: look-alikes, unknown types and missing values say nothing") {
    const auto said = user_arguments(
        {"--cache-type-kx", "q8_0", "--cache-type-v", "huge", "--models-max", "many", "-ctk"});
    CHECK_FALSE(said.key_type.has_value());
    CHECK_FALSE(said.value_type.has_value());
    CHECK_FALSE(said.models_max.has_value());
}
