#include "odysseus/models/starter_models.hpp"

#include "odysseus/models/hub_name.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::models;

namespace {

constexpr std::int64_t k_gib = std::int64_t{1} << 30;

} // namespace

TEST_CASE("starter models: seven, each of which can be pulled") {
    const auto& models = starter_models();
    REQUIRE(models.size() == 7);
    CHECK(std::is_sorted(models.begin(), models.end(), [](const auto& a, const auto& b) {
        return a.size_bytes / 1'000'000 < b.size_bytes / 1'000'000;
    }));
    for (const auto& model : models) {
        INFO(model.name);
        const auto name = parsed_pull_name(model.name, "https://huggingface.co", {});
        const auto* hub = std::get_if<HubName>(&name);
        REQUIRE(hub != nullptr);
        CHECK((!hub->quant.empty() || !hub->file.empty()));
    }
}

TEST_CASE("starter models: what is recommended") {
    struct Row {
        std::optional<std::int64_t> memory;
        const char* title;
    };
    const Row rows[] = {
        {std::nullopt, "Qwen3 1.7B"}, {64 * k_gib, "gpt-oss 20B"},
        {15 * k_gib, "gpt-oss 20B"},  {12 * k_gib, "Qwen3 8B"},
        {7 * k_gib, "Qwen3 8B"},      {6 * k_gib, "Qwen3 4B Instruct"}, // the 8B would fit, barely
        {3 * k_gib, "Qwen3 1.7B"},    {2 * k_gib, "Qwen3 0.6B"},
        {k_gib / 8, "Qwen3 0.6B"},    {0, "Qwen3 0.6B"},
    };
    for (const auto& row : rows) {
        INFO(row.memory.value_or(-1));
        CHECK(std::string(starter_models()[recommended_starter({row.memory}, true)].title) ==
              row.title);
    }
    CHECK(std::string(starter_models()[recommended_starter({64 * k_gib}, false)].title) ==
          "Qwen3 4B Instruct");
    CHECK(recommended_starter({2 * k_gib}, false) == 0);
    CHECK(fits(starter_models()[5], {6 * k_gib}) == Fits::yes);
    CHECK(fits(starter_models()[5], {5 * k_gib}) == Fits::no);
    CHECK(fits(starter_models()[5], {5 * k_gib, 2 * k_gib}) == Fits::partly);
    CHECK(fits(starter_models().back(), {14 * k_gib}) == Fits::yes);
    CHECK(fits(starter_models().back(), {11 * k_gib}) == Fits::no);
    CHECK(fits(starter_models().back(), {}) == Fits::yes);
}

TEST_CASE("starter models: what is typed") {
    using Kind = StarterAnswer::Kind;
    struct Row {
        const char* text;
        Kind kind;
        std::size_t index;
    };
    const Row rows[] = {
        {"", Kind::chosen, 3},     {"  ", Kind::chosen, 3},   {"1", Kind::chosen, 0},
        {" 7 ", Kind::chosen, 6},  {"s", Kind::skipped, 0},   {"Skip", Kind::skipped, 0},
        {"0", Kind::unclear, 0},   {"8", Kind::unclear, 0},   {"-1", Kind::unclear, 0},
        {"1.5", Kind::unclear, 0}, {"yes", Kind::unclear, 0},
    };
    for (const auto& row : rows) {
        INFO("'" << row.text << "'");
        const auto answer = starter_answer(row.text, 3);
        CHECK(answer.kind == row.kind);
        CHECK(answer.index == row.index);
    }
}
