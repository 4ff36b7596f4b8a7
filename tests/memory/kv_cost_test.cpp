#include "odysseus/memory/kv_cost.hpp"

#include <catch2/catch_test_macros.hpp>

#include <limits>

using namespace odysseus;
using namespace odysseus::models;
using namespace odysseus::memory;

namespace {

constexpr std::int64_t k_mib = 1024 * 1024;

using Values = std::map<std::string, models::GgufValue, std::less<>>;
using List = std::vector<std::int64_t>;

models::GgufValue whole(std::int64_t value) {
    return value;
}

models::GgufInfo model(const char* architecture, std::int64_t layers, std::int64_t embedding,
                       std::int64_t heads, models::GgufValue kv_heads, const Values& more = {}) {
    models::GgufInfo info;
    info.architecture = architecture;
    info.values = more;
    info.values["block_count"] = layers;
    info.values["embedding_length"] = embedding;
    info.values["attention.head_count"] = heads;
    info.values["attention.head_count_kv"] = std::move(kv_heads);
    return info;
}

Values head(std::int64_t length, Values more = {}) {
    more["attention.key_length"] = length;
    more["attention.value_length"] = length;
    return more;
}

models::KvShape shape_of(const models::GgufInfo& info) {
    const auto shape = models::kv_shape(info);
    REQUIRE(shape);
    return *shape;
}

} // namespace

// Values worked by hand from the models' published shapes, f16.
TEST_CASE("kv cost: well-known models cost what their shapes say") {
    struct Row {
        const char* name;
        models::GgufInfo info;
        std::int64_t bytes_per_token;
        std::int64_t fixed_bytes;
    };
    const Row rows[] = {
        {"Llama-3.1-8B", model("llama", 32, 4096, 32, whole(8)), 131072, 0},
        {"Llama-2-7B, without grouped heads", model("llama", 32, 4096, 32, whole(32)), 524288, 0},
        {"Qwen2.5-7B", model("qwen2", 28, 3584, 28, whole(4)), 57344, 0},
        {"Qwen3-8B", model("qwen3", 36, 4096, 32, whole(8), head(128)), 147456, 0},
        {"gpt-oss-20b",
         model("gpt-oss", 24, 2880, 64, whole(8),
               head(64, {{"attention.sliding_window", whole(128)}})),
         24576, 18 * k_mib},
        {"Gemma-3-12B",
         model("gemma3", 48, 3840, 16, whole(8),
               head(256, {{"attention.sliding_window", whole(1024)}})),
         65536, 480 * k_mib},
        {"DeepSeek-V2-Lite",
         model("deepseek2", 27, 2048, 16, whole(1),
               {{"attention.key_length", whole(576)},
                {"attention.value_length", whole(512)},
                {"attention.key_length_mla", whole(192)},
                {"attention.value_length_mla", whole(128)}}),
         31104, 0},
        {"DeepSeek-V2-Lite of an old file",
         model("deepseek2", 27, 2048, 16, whole(16),
               {{"attention.key_length", whole(192)}, {"attention.value_length", whole(128)}}),
         27 * 16 * (192 + 128) * 2, 0},
        {"Qwen3-Next-80B",
         model("qwen3next", 48, 2048, 16, whole(2),
               head(256, {{"ssm.conv_kernel", whole(4)},
                          {"ssm.inner_size", whole(4096)},
                          {"ssm.state_size", whole(128)},
                          {"ssm.group_count", whole(16)},
                          {"full_attention_interval", whole(4)}})),
         24576, 36 * (24576 + 524288) * 4},
        {"Mamba-2.8B",
         model("mamba", 64, 2560, 0, whole(0),
               {{"ssm.conv_kernel", whole(4)},
                {"ssm.inner_size", whole(5120)},
                {"ssm.state_size", whole(16)}}),
         0, 64 * (3 * 5120 + 16 * 5120) * 4},
        {"RWKV-6-1.6B", model("rwkv6", 24, 2048, 0, whole(0), {{"wkv.head_size", whole(64)}}), 0,
         24 * (2 * 2048 + 64 * 2048) * 4},
        {"Falcon-H1: state and cache in every layer",
         model("falcon-h1", 36, 1024, 8, whole(2),
               head(64, {{"ssm.conv_kernel", whole(4)},
                         {"ssm.inner_size", whole(1536)},
                         {"ssm.state_size", whole(128)},
                         {"ssm.group_count", whole(1)}})),
         36 * 2 * 64 * 4, 36 * (3 * (1536 + 256) + 128 * 1536) * 4},
        {"Phi-3: its window is not used",
         model("phi3", 32, 3072, 32, whole(32), {{"attention.sliding_window", whole(2047)}}),
         393216, 0},
        {"Mistral of an old file: a window key that llama does not read",
         model("llama", 32, 4096, 32, whole(8), {{"attention.sliding_window", whole(4096)}}),
         131072, 0},
        {"BERT keeps nothing", model("bert", 12, 768, 12, whole(12)), 0, 0},
    };
    for (const auto& row : rows) {
        CAPTURE(row.name);
        const auto shape = shape_of(row.info);
        CHECK(kv_bytes_per_token(shape) == row.bytes_per_token);
        CHECK(kv_fixed_bytes(shape) == row.fixed_bytes);
    }
    KvUse use;
    CHECK(kv_bytes(shape_of(rows[0].info), use) == 512 * k_mib);
}

TEST_CASE("kv cost: heads that differ from layer to layer") {
    const auto info = model("deci", 4, 512, 8, List{8, 0, 2, 1}, {});
    CHECK(kv_bytes_per_token(shape_of(info)) == (8 + 2 + 1) * 64 * 4);
    auto both = info;
    both.values["attention.head_count"] = List{8, 0, 8, 8};
    CHECK(kv_bytes_per_token(shape_of(both)) == (8 + 2 + 1) * 64 * 4);
    auto short_list = info;
    short_list.values["attention.head_count_kv"] = List{8, 0};
    short_list.values.erase("attention.head_count");
    CHECK_FALSE(kv_shape(short_list));
}

TEST_CASE("kv cost: which layers have a state instead of a cache") {
    const Values state{
        {"ssm.conv_kernel", whole(2)}, {"ssm.inner_size", whole(8)}, {"ssm.state_size", whole(1)}};
    const auto five = shape_of(model("qwen3next", 5, 512, 8, whole(2), state));
    CHECK(kv_bytes_per_token(five) == 1 * 2 * 64 * 4); // the fourth alone
    CHECK(five.state_bytes_per_slot == 4 * (8 + 8) * 4);
    auto listed = state;
    listed["attention.recurrent_layers"] = List{0, 1, 0, 1, 0};
    CHECK(kv_bytes_per_token(shape_of(model("qwen35", 5, 512, 8, whole(2), listed))) ==
          3 * 2 * 64 * 4);
    auto nemotron = state;
    nemotron["feed_forward_length"] = List{0, 1024, 0};
    const auto three = shape_of(model("nemotron_h", 3, 512, 8, List{0, 0, 2}, nemotron));
    CHECK(kv_bytes_per_token(three) == 1 * 2 * 64 * 4);
    CHECK(three.state_bytes_per_slot == 1 * (8 + 8) * 4);
}

TEST_CASE("kv cost: where the windows are") {
    const auto windowed = [](const models::GgufInfo& info) {
        std::int64_t layers = 0;
        for (const auto& each : shape_of(info).attention)
            layers += each.window != 0 ? each.count : 0;
        return layers;
    };
    const Values window{{"attention.sliding_window", whole(512)}};
    CHECK(windowed(model("gemma2", 26, 2304, 8, whole(4))) == 13); // 4096 without a key
    CHECK(windowed(model("gemma3", 26, 1152, 4, whole(1), window)) == 22);
    CHECK(windowed(model("gemma3", 26, 1152, 4, whole(1))) == 0);
    CHECK(windowed(model("cohere2", 32, 4096, 32, whole(8), window)) == 24);
    CHECK(windowed(model("llama4", 48, 5120, 40, whole(8))) == 36);
    CHECK(windowed(model("llama4", 48, 5120, 40, whole(8),
                         {{"attention.sliding_window", whole(0)}})) == 0);
    CHECK(windowed(model("exaone4", 64, 5120, 40, whole(8), window)) == 48);
    CHECK(windowed(model("exaone4", 30, 2048, 32, whole(8), window)) == 0);
    CHECK(windowed(model("smallthinker", 52, 2560, 28, whole(4), window)) == 39);
    CHECK(windowed(model(
              "lfm2", 4, 1024, 16, List{0, 8, 0, 8},
              {{"shortconv.l_cache", whole(3)}, {"attention.sliding_window", whole(256)}})) == 2);
    auto listed = window;
    listed["attention.sliding_window_pattern"] = List{1, 1, 0, 0, 0, 1};
    CHECK(windowed(model("step35", 6, 1024, 8, whole(4), listed)) == 3);
    CHECK(windowed(model("step35", 6, 1024, 8, whole(4), window)) == 0);
    CHECK(windowed(model("gemma3", 6, 1024, 8, whole(4), listed)) == 3);
    auto period = window;
    period["attention.sliding_window_pattern"] = whole(3);
    CHECK(windowed(model("gemma3", 6, 1024, 8, whole(4), period)) == 4);
    period["attention.sliding_window_pattern"] = whole(0);
    CHECK(windowed(model("gemma3", 6, 1024, 8, whole(4), period)) == 6);
    // Unknown architectures: the upper bound.
    CHECK(windowed(model("of-tomorrow", 6, 1024, 8, whole(4), window)) == 0);
}

TEST_CASE("kv cost: layers that keep nothing of their own") {
    CHECK(kv_bytes_per_token(shape_of(model("gemma3n", 30, 2048, 8, whole(2), head(256)))) ==
          20 * 2 * 256 * 4);
    const Values shared = head(64, {{"attention.shared_kv_layers", whole(3)},
                                    {"attention.key_length_swa", whole(32)},
                                    {"attention.value_length_swa", whole(32)},
                                    {"attention.sliding_window", whole(512)},
                                    {"attention.sliding_window_pattern", List{1, 0, 1, 1, 0, 1}}});
    const auto gemma4 = shape_of(model("gemma4", 6, 512, 8, whole(2), shared));
    CHECK(kv_bytes_per_token(gemma4) == 1 * 2 * 64 * 4);
    CHECK(kv_fixed_bytes(gemma4) == 2 * 2 * 32 * 4 * 1024);
    CHECK(kv_bytes_per_token(shape_of(
              model("glm4moe", 5, 512, 8, whole(2), {{"nextn_predict_layers", whole(1)}}))) ==
          4 * 2 * 64 * 4);
    CHECK(kv_bytes_per_token(shape_of(model("deepseek32", 10, 512, 8, whole(1),
                                            {{"attention.key_length", whole(576)},
                                             {"attention.value_length", whole(512)},
                                             {"attention.key_length_mla", whole(192)},
                                             {"attention.value_length_mla", whole(128)},
                                             {"attention.indexer.key_length", whole(128)}}))) ==
          10 * (576 + 128) * 2);
}

TEST_CASE("kv cost: contexts, slots and types") {
    const auto shape = shape_of(model("llama", 32, 4096, 32, whole(8)));
    KvUse use;
    use.context = 4097; // padded to 4352
    CHECK(kv_bytes(shape, use) == 4352LL * 131072);
    use.context = 8192;
    use.slots = 4;
    CHECK(kv_bytes(shape, use) == 8192LL * 131072);
    use.context = 1000; // 1024, a slot has 256
    CHECK(kv_bytes(shape, use) == 1024LL * 131072);
    use.context = 2000; // 2048, a slot has 512
    CHECK(kv_bytes(shape, use) == 2048LL * 131072);
    use.unified = true;
    CHECK(kv_bytes(shape, use) == 2048LL * 131072);
    use = {};
    use.context = 5000; // 5120; a third of it is 1706, padded to 1792
    use.slots = 3;
    CHECK(kv_bytes(shape, use) == 3 * 1792LL * 131072);
    use = {};
    use.key_type = CacheType::q8_0;
    use.value_type = CacheType::q4_0;
    CHECK(kv_bytes(shape, use) == 4096LL * 32 * (1024 / 32 * 34 + 1024 / 32 * 18));
    struct Row {
        const char* name;
        std::int64_t bytes; // of 32 elements
    };
    for (const Row& row : {Row{"f32", 128},
                           {"f16", 64},
                           {"bf16", 64},
                           {"q8_0", 34},
                           {"q5_1", 24},
                           {"q5_0", 22},
                           {"q4_1", 20},
                           {"q4_0", 18},
                           {"iq4_nl", 18}}) {
        const auto type = cache_type_from(row.name);
        REQUIRE(type);
        KvUse typed;
        typed.key_type = *type;
        CHECK(kv_bytes_per_token(shape, typed) == 32 * 32 * (row.bytes + 64));
    }
    CHECK_FALSE(cache_type_from("q9_0"));
    CHECK_FALSE(cache_type_from("F16"));
}

TEST_CASE("kv cost: a window is as large as its slots need, and never larger than the context") {
    const auto shape = shape_of(model("gemma3", 6, 1024, 8, whole(4),
                                      head(64, {{"attention.sliding_window", whole(1000)}})));
    const std::int64_t a_layer = 4 * 64 * 4;
    const auto cost = [&](std::int64_t context, std::int64_t slots, bool unified) {
        KvUse use;
        use.context = context;
        use.slots = slots;
        use.unified = unified;
        return kv_bytes(shape, use) / a_layer;
    };
    CHECK(cost(8192, 1, false) == 8192 + 5 * 1536);       // 1000 + 512, padded
    CHECK(cost(1024, 1, false) == 1024 + 5 * 1024);       // no larger than the context
    CHECK(cost(16384, 4, true) == 16384 + 5 * 4608);      // 4 * 1000 + 512
    CHECK(cost(16384, 4, false) == 16384 + 5 * 4 * 1536); // four streams of their own
    KvUse full;
    full.context = 8192;
    full.full_window = true;
    CHECK(kv_bytes(shape, full) == 6 * 8192 * a_layer);
    CHECK(kv_fixed_bytes(shape, full) == 0);
}

TEST_CASE("kv cost: what cannot be is not known, and nothing overflows") {
    constexpr auto k_huge = std::numeric_limits<std::int64_t>::max();
    constexpr auto k_least = std::numeric_limits<std::int64_t>::min();
    CHECK_FALSE(kv_shape(GgufInfo{}));
    CHECK_FALSE(kv_shape(model("llama", 0, 4096, 32, whole(8))));
    CHECK_FALSE(kv_shape(model("llama", k_huge, 4096, 32, whole(8))));
    CHECK_FALSE(kv_shape(model("llama", 32, k_huge, 32, whole(8))));
    CHECK_FALSE(kv_shape(model("llama", 32, 4096, 32, whole(k_huge))));
    CHECK_FALSE(kv_shape(model("llama", 32, 4096, 32, whole(-8))));
    CHECK_FALSE(kv_shape(model("llama", 32, 4096, 0, whole(8))));
    CHECK_FALSE(kv_shape(model("llama", 32, 4096, 32, whole(8), head(k_huge))));
    CHECK_FALSE(kv_shape(model("deepseek4", 32, 4096, 32, whole(8))));
    for (const auto extreme : {k_huge, k_least, std::int64_t{-1}}) {
        for (const char* key :
             {"attention.sliding_window", "attention.sliding_window_pattern",
              "attention.shared_kv_layers", "ssm.conv_kernel", "ssm.inner_size", "ssm.state_size",
              "ssm.group_count", "wkv.head_size", "shortconv.l_cache", "kda.head_dim",
              "full_attention_interval", "nextn_predict_layers", "attention.indexer.key_length"}) {
            for (const char* architecture :
                 {"gemma3", "gemma4", "mamba", "lfm2", "qwen3next", "kimi-linear", "glm-dsa"}) {
                CAPTURE(architecture, key, extreme);
                const auto shape = models::kv_shape(
                    model(architecture, 32, 4096, 32, whole(8), {{key, whole(extreme)}}));
                KvUse use;
                use.context = k_huge;
                use.slots = k_huge;
                if (shape) CHECK(kv_bytes(*shape, use) >= 0);
            }
        }
    }
    CHECK(kv_bytes(KvShape{}, {}) == 0);
}
