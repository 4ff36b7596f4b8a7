// From metadata to what the cache keeps. The rules of an architecture are tables here; a model of
// an architecture that is not in them keeps every token in every layer, which is the upper bound.
#include "odysseus/models/kv_shape.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace odysseus::models {

namespace {

constexpr std::int64_t k_layers_max = 1024; // llama.cpp: 512
constexpr std::int64_t k_width_max = 1 << 24;
constexpr std::int64_t k_window_max = 1 << 24;

// Which layers see a window only, where the file does not list them: of every `period` layers all
// but the last (or but the first). llama.cpp: load_arch_hparams in src/models/*.cpp.
struct WindowRule {
    std::string_view architecture;
    std::int64_t period = 0; // 0: only a list in the file says which
    bool first_is_full = false;
    std::int64_t default_window = 0; // where the file names none; 0: then there is no window
    std::int64_t fixed_window = 0;   // whatever else the file names
    std::int64_t only_with_layers = 0;
};
constexpr std::array k_window_rules{
    WindowRule{"gemma2", 2, false, 4096},
    WindowRule{"gemma3", 6},
    WindowRule{"gemma3n", 5},
    WindowRule{"gemma4"},
    WindowRule{"cohere2", 4},
    WindowRule{"cohere2moe", 4, true},
    WindowRule{"gpt-oss", 2},
    WindowRule{"llama4", 4, false, 8192, 8192},
    WindowRule{"exaone4", 4, false, 4096, 0, 64}, // the 32B alone
    WindowRule{"exaone-moe", 4, false, 128},
    WindowRule{"olmo2", 4},
    WindowRule{"smallthinker", 4, true, 0, 4096},
    WindowRule{"plamo3", 8},
    WindowRule{"afmoe", 4},
    WindowRule{"laguna", 4, true},
    WindowRule{"mellum", 4},
    WindowRule{"muse-glimmer", 4},
    WindowRule{"mimo2"},
    WindowRule{"step35"},
    WindowRule{"maple"},
    WindowRule{"spark2_5"},
    WindowRule{"granite_swa"},
};

// Encoders and diffusion models: llama.cpp gives them no memory.
constexpr std::array<std::string_view, 16> k_without_cache{
    "bert",     "nomic-bert", "nomic-bert-moe",  "jina-bert-v2", "jina-bert-v3",     "modern-bert",
    "neo-bert", "eurobert",   "gemma-embedding", "t5encoder",    "wavtokenizer-dec", "clip",
    "dream",    "llada",      "llada-moe",       "rnd1"};

// Their caches follow rules that are not written here: only the file's size tells.
constexpr std::array<std::string_view, 12> k_not_known{
    "deepseek4", "minimax-01", "minimax-m3",    "dots3note", "glm5-next", "qwen4exp",
    "hy_v4",     "nanbeige",   "graniteswitch", "dflash",    "eagle3",    "t5"};

// These keep the keys of an index beside each layer.
constexpr std::array<std::string_view, 2> k_with_index{"deepseek32", "glm-dsa"};

// Where the layers with a recurrent state are.
enum class Recurrent { none, every_layer, beside_attention, without_kv_heads, by_interval };
struct RecurrentRule {
    std::string_view architecture;
    Recurrent where;
};
constexpr std::array k_recurrent_rules{
    RecurrentRule{"mamba", Recurrent::every_layer},
    RecurrentRule{"mamba2", Recurrent::every_layer},
    RecurrentRule{"rwkv6", Recurrent::every_layer},
    RecurrentRule{"rwkv6qwen2", Recurrent::every_layer},
    RecurrentRule{"rwkv7", Recurrent::every_layer},
    RecurrentRule{"arwkv7", Recurrent::every_layer},
    RecurrentRule{"falcon-h1", Recurrent::beside_attention},
    RecurrentRule{"jamba", Recurrent::without_kv_heads},
    RecurrentRule{"granitehybrid", Recurrent::without_kv_heads},
    RecurrentRule{"nemotron_h", Recurrent::without_kv_heads},
    RecurrentRule{"nemotron_h_moe", Recurrent::without_kv_heads},
    RecurrentRule{"plamo2", Recurrent::without_kv_heads},
    RecurrentRule{"lfm2", Recurrent::without_kv_heads},
    RecurrentRule{"lfm2moe", Recurrent::without_kv_heads},
    RecurrentRule{"kimi-linear", Recurrent::without_kv_heads},
    RecurrentRule{"kimi-k3", Recurrent::without_kv_heads},
    RecurrentRule{"bailingmoe3", Recurrent::without_kv_heads},
    RecurrentRule{"qwen3next", Recurrent::by_interval},
    RecurrentRule{"qwen35", Recurrent::by_interval},
    RecurrentRule{"qwen35moe", Recurrent::by_interval},
};

template <std::size_t count>
[[nodiscard]] bool is_one_of(std::string_view name,
                             const std::array<std::string_view, count>& names) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

// The values that the layers share.
struct Reader {
    const GgufInfo& info;
    std::int64_t layers;
    std::int64_t embedding;

    // Within what arithmetic can bear; nothing real comes near.
    [[nodiscard]] std::int64_t number(std::string_view key, std::int64_t other = 0) const {
        constexpr auto k_most = std::int64_t{1} << 40;
        return std::clamp(info.number(key).value_or(other), -k_most, k_most);
    }
};

[[nodiscard]] Recurrent recurrent_of(std::string_view architecture) {
    for (const auto& rule : k_recurrent_rules) {
        if (rule.architecture == architecture) return rule.where;
    }
    return Recurrent::none;
}

[[nodiscard]] bool keeps_state(const Reader& in, Recurrent where, std::int64_t layer) {
    switch (where) {
    case Recurrent::none: return false;
    case Recurrent::every_layer:
    case Recurrent::beside_attention: return true;
    case Recurrent::without_kv_heads:
        // Of Nemotron-H's layers without attention, those with a feed-forward part keep nothing.
        return in.info.of_layer("attention.head_count_kv", layer).value_or(1) == 0 &&
               (!in.info.architecture.starts_with("nemotron_h") ||
                in.info.of_layer("feed_forward_length", layer).value_or(0) == 0);
    case Recurrent::by_interval: {
        const auto listed = in.info.of_layer("attention.recurrent_layers", layer);
        if (listed) return *listed != 0;
        const auto interval = in.number("full_attention_interval", 4);
        return interval <= 0 || (layer + 1) % interval != 0;
    }
    }
    return false;
}

[[nodiscard]] bool keeps_tokens(const Reader& in, Recurrent where, std::int64_t layer) {
    const auto& architecture = in.info.architecture;
    if (where == Recurrent::every_layer) return false;
    if (where == Recurrent::by_interval && keeps_state(in, where, layer)) return false;
    // These reuse the cache of an earlier layer.
    if (architecture == "gemma3n") return layer < 20;
    if (architecture == "gemma4")
        return layer < in.layers - in.number("attention.shared_kv_layers");
    return true;
}

// llama-hparams.cpp: n_embd_r and n_embd_s, kept as f32. In floating point, which cannot overflow;
// what is accepted is far below 2^53 and so exact.
[[nodiscard]] std::optional<std::int64_t> state_bytes(const Reader& in) {
    const auto value = [&in](std::string_view key, std::int64_t other = 0) {
        return static_cast<double>(in.number(key, other));
    };
    const auto embedding = static_cast<double>(in.embedding);
    const double taps = std::max(value("ssm.conv_kernel") - 1, 0.0);
    double elements = 0;
    if (const auto head = value("wkv.head_size"); head != 0) {
        elements = embedding * (value("token_shift_count", 2) + head);
    } else if (const auto shortconv = value("shortconv.l_cache"); shortconv != 0) {
        elements = embedding * (shortconv - 1);
    } else if (const auto dim = value("kda.head_dim"); dim != 0) {
        const auto heads =
            static_cast<double>(in.info.of_layer("attention.head_count", 0).value_or(0));
        elements = 3 * taps * heads * dim + dim * dim * heads;
    } else {
        const double state = value("ssm.state_size");
        const double inner = value("ssm.inner_size");
        elements = taps * (inner + 2 * value("ssm.group_count") * state) + state * inner;
    }
    constexpr double k_elements_max = 1LL << 32;
    if (!(elements >= 0 && elements <= k_elements_max)) return std::nullopt;
    return static_cast<std::int64_t>(elements) * 4;
}

[[nodiscard]] std::int64_t window_of(const Reader& in, std::int64_t layer) {
    constexpr std::string_view k_pattern = "attention.sliding_window_pattern";
    if (in.info.architecture == "lfm2") {
        return std::max<std::int64_t>(in.number("attention.sliding_window"), 0);
    }
    const auto rule =
        std::find_if(k_window_rules.begin(), k_window_rules.end(), [&](const WindowRule& each) {
            return each.architecture == in.info.architecture;
        });
    if (rule == k_window_rules.end()) return 0;
    if (rule->only_with_layers != 0 && rule->only_with_layers != in.layers) return 0;
    auto window = in.number("attention.sliding_window", rule->default_window);
    if (window <= 0) return 0;
    if (rule->fixed_window != 0) window = rule->fixed_window;
    const auto found = in.info.values.find(k_pattern);
    if (found != in.info.values.end() &&
        std::holds_alternative<std::vector<std::int64_t>>(found->second)) {
        return in.info.of_layer(k_pattern, layer).value_or(0) != 0 ? window : 0;
    }
    if (rule->period == 0) return 0;
    const auto period = in.number(k_pattern, rule->period);
    if (period <= 0) return period == 0 ? window : 0; // 0: every layer
    const bool full = rule->first_is_full ? layer % period == 0 : layer % period == period - 1;
    return full ? 0 : window;
}

[[nodiscard]] std::optional<KvLayers> layer_of(const Reader& in, std::int64_t layer) {
    const auto heads = in.info.of_layer("attention.head_count", layer);
    const auto kv_heads = in.info.of_layer("attention.head_count_kv", layer);
    KvLayers kept{1, 0, 0, window_of(in, layer)};
    if (!heads && !kv_heads) return std::nullopt;
    const auto owned = kv_heads ? *kv_heads : *heads;
    if (owned == 0) return kept;
    const auto first_heads = in.info.of_layer("attention.head_count", 0).value_or(0);
    const auto fallback = first_heads > 0 ? in.embedding / first_heads : 0;
    auto key = in.number("attention.key_length", fallback);
    auto value = in.number("attention.value_length", fallback);
    if (kept.window != 0) {
        key = in.number("attention.key_length_swa", key);
        value = in.number("attention.value_length_swa", value);
    }
    const bool latent =
        in.number("attention.key_length_mla") != 0 && in.number("attention.value_length_mla") != 0;
    constexpr std::int64_t k_part_max = 1 << 20;
    if (owned < 0 || owned > k_part_max || key <= 0 || key > k_part_max || value <= 0 ||
        value > k_part_max || kept.window > k_window_max) {
        return std::nullopt;
    }
    kept.key_width = owned * key;
    kept.value_width = latent ? 0 : owned * value;
    if (kept.key_width > k_width_max || kept.value_width > k_width_max) return std::nullopt;
    return kept;
}

void add(KvShape& shape, const KvLayers& kept) {
    if (kept.key_width == 0) return;
    for (auto& layers : shape.attention) {
        if (layers.key_width == kept.key_width && layers.value_width == kept.value_width &&
            layers.window == kept.window) {
            layers.count += kept.count;
            return;
        }
    }
    shape.attention.push_back(kept);
}

} // namespace

std::optional<KvShape> kv_shape(const GgufInfo& info) {
    if (is_one_of(info.architecture, k_without_cache)) return KvShape{};
    if (is_one_of(info.architecture, k_not_known)) return std::nullopt;
    Reader in{info, info.block_count().value_or(0), info.number("embedding_length").value_or(0)};
    if (in.layers <= 0 || in.layers > k_layers_max || in.embedding <= 0 ||
        in.embedding > k_width_max) {
        return std::nullopt;
    }
    // Layers that predict further tokens stand at the end; a plain context does not keep them.
    const auto predicting = in.number("nextn_predict_layers");
    if (predicting > 0 && predicting < in.layers) in.layers -= predicting;
    const auto where = recurrent_of(info.architecture);
    const auto state = where == Recurrent::none ? std::optional<std::int64_t>(0) : state_bytes(in);
    if (!state) return std::nullopt;
    KvShape shape;
    for (std::int64_t layer = 0; layer < in.layers; ++layer) {
        if (keeps_state(in, where, layer)) shape.state_bytes_per_slot += *state;
        if (!keeps_tokens(in, where, layer)) continue;
        const auto kept = layer_of(in, layer);
        if (!kept) return std::nullopt;
        add(shape, *kept);
    }
    if (is_one_of(info.architecture, k_with_index)) {
        const auto width = in.number("attention.indexer.key_length");
        if (width < 0 || width > k_width_max) return std::nullopt;
        add(shape, {in.layers, width, 0, 0});
    }
    return shape;
}

double kv_gib_by_size(double model_gib) {
    if (model_gib >= 5.5) return 1.05;
    return model_gib >= 4 ? 0.85 : 0.55;
}

} // namespace odysseus::models
