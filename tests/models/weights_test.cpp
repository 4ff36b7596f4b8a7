#include "odysseus/models/weights.hpp"

#include "odysseus/models/gguf_header.hpp"
#include "odysseus/models/model_catalog.hpp"

#include "gguf_write.hpp"

#include <catch2/catch_test_macros.hpp>

#include <limits>

using namespace odysseus;
using namespace odysseus::models;

namespace {

GgufInfo info_of(const GgufWriter& out) {
    const auto read = read_gguf(out.bytes());
    REQUIRE(std::holds_alternative<GgufInfo>(read));
    return std::get<GgufInfo>(read);
}

GgufWriter llama() {
    GgufWriter out;
    out.add_text("general.architecture", "llama");
    return out;
}

} // namespace

TEST_CASE("weights: each tensor of the table counts where it belongs") {
    auto out = llama();
    out.add_f16_tensor("token_embd.weight", {8, 10}, {1});
    out.add_f16_tensor("blk.0.attn_q.weight", {8, 8}, {1});
    out.add_f32_tensor("blk.0.ffn_norm.weight", {8}, {1});
    out.add_f16_tensor("blk.0.ffn_gate.weight", {8, 16}, {1});
    out.add_f16_tensor("blk.2.ffn_gate_exps.weight", {8, 4, 3}, {1});
    out.add_f16_tensor("blk.2.ffn_gate_shexp.weight", {8, 4}, {1});
    out.add_f32_tensor("output_norm.weight", {8}, {1});
    const auto weights = info_of(out).weights;
    REQUIRE(weights.blocks.size() == 3);
    CHECK(weights.blocks[0] == BlockWeights{0, 32 + 256, 128});
    CHECK(weights.blocks[1] == BlockWeights{});
    CHECK(weights.blocks[2] == BlockWeights{192, 64, 0});
    CHECK(weights.embedding == 160);
    CHECK(weights.output == 32);
    CHECK_FALSE(weights.has_output);
    CHECK(weights.has_experts());
    CHECK(weights.total() == 32 + 256 + 128 + 192 + 64 + 160 + 32);
}

TEST_CASE("weights: quantised types have their own size, an unknown one a byte an element") {
    const auto bytes = [](std::uint32_t type) {
        Weights weights;
        add_tensor(weights, "output.weight", type, 256 * 1000);
        CHECK(weights.has_output);
        return weights.output;
    };
    CHECK(bytes(12) == 144'000); // Q4_K
    CHECK(bytes(14) == 210'000); // Q6_K
    CHECK(bytes(8) == 272'000);  // Q8_0
    CHECK(bytes(39) == 136'000); // MXFP4
    CHECK(bytes(4'000'000) == 256'000);
}

TEST_CASE("weights: names and sizes that cannot be overflow nothing") {
    Weights weights;
    for (const auto* name : {"blk.99999999999999999999.ffn_up.weight", "blk.-1.ffn_up.weight",
                             "blk.1024.ffn_up.weight", "blk..ffn_up.weight", "blk.7", ""}) {
        add_tensor(weights, name, 0, std::numeric_limits<std::uint64_t>::max());
    }
    CHECK(weights.blocks.empty());
    for (int i = 0; i < 100'000; ++i)
        add_tensor(weights, "blk.1023.ffn_up.weight", 28,
                   std::numeric_limits<std::uint64_t>::max());
    CHECK(weights.blocks.size() == 1024);
    CHECK(weights.total() > 0);
}

TEST_CASE("weights: the parts of a split model are added up") {
    const auto part = [](const char* tensor) {
        auto out = llama();
        out.add_f16_tensor(tensor, {8, 16}, {1});
        return info_of(out);
    };
    const auto first = part("blk.0.ffn_up.weight");
    const auto second = part("blk.1.ffn_up.weight");
    const auto with = [&](std::variant<GgufInfo, GgufRefused> last) {
        const auto catalog = make_catalog({{{"a-00001-of-00002.gguf", 1000}, first},
                                           {{"a-00002-of-00002.gguf", 1000}, std::move(last)}},
                                          "/m");
        REQUIRE(catalog.models.size() == 1);
        return catalog.models.front().weights;
    };
    const auto weights = with(second);
    REQUIRE(weights);
    REQUIRE(weights->blocks.size() == 2);
    CHECK(weights->blocks[0].feed_forward == 256);
    CHECK(weights->blocks[1].feed_forward == 256);
    CHECK_FALSE(with(GgufRefused{"it cannot be read"}));
}
