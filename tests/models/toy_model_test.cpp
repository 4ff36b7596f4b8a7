#include "odysseus/models/toy_model.hpp"

#include "odysseus/memory/context_choice.hpp"
#include "odysseus/models/gguf_header.hpp"

#include "toy_model_maker.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::memory;
using namespace odysseus::models;

TEST_CASE("toy model: small, whole, named, and cheaper than any rung could notice") {
    const auto bytes = toy_model_gguf();
    CHECK(bytes.size() > 200'000);
    CHECK(bytes.size() < 400'000);
    CHECK(bytes == made_toy_model()); // model_tool make-toy src/models/toy_model.gguf
    const auto read = read_gguf(bytes);
    REQUIRE(std::holds_alternative<GgufInfo>(read));
    const auto& info = std::get<GgufInfo>(read);
    CHECK(info.text("general.name") == k_toy_model_name);
    CHECK(info.bytes_at_least <= bytes.size());
    CHECK(info.trained_context().value() > k_ladder.front());
    const auto shape = kv_shape(info);
    REQUIRE(shape);
    CHECK(kv_bytes_per_token(*shape) == 512);

    Model model;
    model.size_bytes = static_cast<std::int64_t>(bytes.size());
    model.trained_context = info.trained_context();
    model.kv = shape;
    hardware::Machine machine;
    machine.ram_mib = 4096;
    CHECK(choose_auto_context(machine, &model, {}).tokens == k_ladder.front());
}
