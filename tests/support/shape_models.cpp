#include "shape_models.hpp"

#include "odysseus/base/text.hpp"

#include "gguf_write.hpp"

namespace odysseus::testing {

namespace {

constexpr std::uint64_t k_feed_forward = 64;
constexpr std::uint64_t k_vocabulary = 3 + 256;
constexpr std::uint64_t k_experts = 2;

// deepseek2: ranks and the parts of a head
constexpr std::uint64_t k_latent_rank = 64;
constexpr std::uint64_t k_latent_rope = 32;
constexpr std::uint64_t k_latent_head = 96;
constexpr std::uint64_t k_latent_value = 48;

// mamba
constexpr std::uint64_t k_inner = 256;
constexpr std::uint64_t k_state = 16;
constexpr std::uint64_t k_taps = 4;
constexpr std::uint64_t k_step_rank = 8;

void add_vocabulary(GgufWriter& out) {
    std::vector<std::string> tokens{"<unk>", "<s>", "</s>"};
    std::vector<std::int32_t> types{2, 3, 3};
    static constexpr char k_hex[] = "0123456789ABCDEF";
    for (int value = 0; value < 256; ++value) {
        tokens.push_back(concat("<0x", k_hex[value >> 4], k_hex[value & 15], ">"));
        types.push_back(6);
    }
    out.add_text("tokenizer.ggml.model", "llama");
    out.add_texts("tokenizer.ggml.tokens", tokens);
    out.add_floats("tokenizer.ggml.scores", std::vector<float>(tokens.size()));
    out.add_ints("tokenizer.ggml.token_type", types);
    out.add_u32("tokenizer.ggml.bos_token_id", 1);
    out.add_u32("tokenizer.ggml.eos_token_id", 2);
}

class Maker {
  public:
    explicit Maker(const ShapeModel& model)
        : m_model(model), m_embedding(static_cast<std::uint64_t>(model.embedding)) {}

    std::string bytes() {
        add_metadata();
        matrix("token_embd", m_embedding, k_vocabulary);
        ones(is("lfm2") ? "token_embd_norm" : "output_norm", m_embedding);
        if (m_model.style.output_weights) matrix("output", m_embedding, k_vocabulary);
        if (is("gemma4")) ones("rope_freqs", static_cast<std::uint64_t>(m_model.key_length) / 2);
        for (m_layer = 0; m_layer < m_model.layers; ++m_layer)
            add_layer();
        return m_out.bytes();
    }

  private:
    [[nodiscard]] bool is(const char* architecture) const {
        return m_model.architecture == architecture;
    }
    [[nodiscard]] std::string name(const std::string& part, const char* ending) const {
        return m_layer < 0 ? part + ending : concat("blk.", m_layer, ".", part, ending);
    }
    void matrix(const std::string& part, std::uint64_t columns, std::uint64_t rows) {
        m_out.add_f16_tensor(name(part, ".weight"), {columns, rows},
                             {half_of(0.01F), half_of(-0.01F)});
    }
    void cube(const std::string& part, std::uint64_t a, std::uint64_t b, std::uint64_t c) {
        m_out.add_f16_tensor(name(part, ".weight"), {a, b, c}, {half_of(0.01F)});
    }
    void ones(const std::string& part, std::uint64_t count, const char* ending = ".weight") {
        m_out.add_f32_tensor(name(part, ending), {count}, {1.0F});
    }
    [[nodiscard]] std::uint64_t here(const std::vector<std::int32_t>& each) const {
        const auto at = each.size() == 1 ? 0 : static_cast<std::size_t>(m_layer);
        return static_cast<std::uint64_t>(each[at]);
    }
    [[nodiscard]] bool has_window() const {
        return !m_model.window_layers.empty() &&
               m_model.window_layers[static_cast<std::size_t>(m_layer)];
    }

    void add_metadata() {
        const auto key = [this](const std::string& part) {
            return m_model.architecture + "." + part;
        };
        const auto counts = [&](const char* part, const std::vector<std::int32_t>& each) {
            if (each.size() == 1) m_out.add_u32(key(part), static_cast<std::uint32_t>(each[0]));
            if (each.size() > 1) m_out.add_ints(key(part), each);
        };
        m_out.add_text("general.architecture", m_model.architecture);
        m_out.add_text("general.name", m_model.name);
        m_out.add_u32(key("block_count"), static_cast<std::uint32_t>(m_model.layers));
        m_out.add_u32(key("context_length"), 131072);
        m_out.add_u32(key("embedding_length"), static_cast<std::uint32_t>(m_model.embedding));
        m_out.add_u32(key("feed_forward_length"), k_feed_forward);
        m_out.add_u32(key("vocab_size"), k_vocabulary);
        m_out.add_f32(key("attention.layer_norm_rms_epsilon"), 1e-5F);
        m_out.add_f32(key("attention.layer_norm_epsilon"), 1e-5F);
        m_out.add_f32(key("logit_scale"), 0.25F);         // cohere2 asks for it
        m_out.add_f32(key("expert_weights_scale"), 1.0F); // deepseek2
        counts("attention.head_count", m_model.heads);
        counts("attention.head_count_kv", m_model.kv_heads);
        if (m_model.key_length != 0) {
            m_out.add_u32(key("attention.key_length"),
                          static_cast<std::uint32_t>(m_model.key_length));
            m_out.add_u32(key("attention.value_length"),
                          static_cast<std::uint32_t>(m_model.value_length));
        }
        for (const auto& [part, value] : m_model.numbers)
            m_out.add_u32(key(part), value);
        if (!m_model.window_layers.empty()) {
            m_out.add_bools(key("attention.sliding_window_pattern"), m_model.window_layers);
        }
        add_vocabulary(m_out);
    }

    void add_layer() {
        if (is("mamba")) return add_mamba();
        if (m_model.style.attention_norm && here(m_model.heads) > 0) {
            ones("attn_norm", m_embedding);
        }
        if (is("deepseek2")) {
            add_latent_attention();
        } else if (is("lfm2") && here(m_model.kv_heads) == 0) {
            add_short_convolution();
        } else {
            add_attention();
        }
        add_feed_forward();
    }

    void add_attention() {
        const auto& style = m_model.style;
        const auto heads = here(m_model.heads);
        const auto kv_heads = m_model.kv_heads.empty() ? heads : here(m_model.kv_heads);
        if (heads == 0) return;
        if (kv_heads == 0)
            return matrix("attn_output", m_embedding, m_embedding); // deci's "linear"
        const auto told = has_window() && m_model.window_key_length != 0 ? m_model.window_key_length
                                                                         : m_model.key_length;
        const auto head = told != 0 ? static_cast<std::uint64_t>(told) : m_embedding / heads;
        if (style.fused) {
            matrix("attn_qkv", m_embedding, (heads + 2 * kv_heads) * head);
        } else {
            matrix("attn_q", m_embedding, heads * head);
            matrix("attn_k", m_embedding, kv_heads * head);
            matrix("attn_v", m_embedding, kv_heads * head);
        }
        matrix("attn_output", heads * head, m_embedding);
        if (style.head_norms || style.full_norms) {
            ones("attn_q_norm", style.full_norms ? m_embedding : head);
            ones("attn_k_norm", style.full_norms ? kv_heads * head : head);
        }
        if (style.post_norms) ones("post_attention_norm", m_embedding);
        if (is("gpt-oss")) {
            ones("attn_sinks", heads);
            ones("attn_output", m_embedding, ".bias");
        }
    }

    void add_latent_attention() {
        const auto heads = here(m_model.heads);
        ones("attn_kv_a_norm", k_latent_rank);
        matrix("attn_q", m_embedding, heads * k_latent_head);
        matrix("attn_kv_a_mqa", m_embedding, k_latent_rank + k_latent_rope);
        cube("attn_k_b", k_latent_head - k_latent_rope, k_latent_rank, heads);
        cube("attn_v_b", k_latent_rank, k_latent_value, heads);
        matrix("attn_output", heads * k_latent_value, m_embedding);
    }

    void add_short_convolution() {
        m_out.add_f32_tensor(name("shortconv.conv", ".weight"), {3, m_embedding}, {0.1F});
        matrix("shortconv.in_proj", m_embedding, 3 * m_embedding);
        matrix("shortconv.out_proj", m_embedding, m_embedding);
    }

    void add_mamba() {
        ones("attn_norm", m_embedding);
        matrix("ssm_in", m_embedding, 2 * k_inner);
        m_out.add_f32_tensor(name("ssm_conv1d", ".weight"), {k_taps, k_inner}, {0.1F});
        ones("ssm_conv1d", k_inner, ".bias");
        matrix("ssm_x", k_inner, k_step_rank + 2 * k_state);
        matrix("ssm_dt", k_step_rank, k_inner);
        ones("ssm_dt", k_inner, ".bias");
        m_out.add_f32_tensor(name("ssm_a", ""), {k_state, k_inner}, {-1.0F});
        ones("ssm_d", k_inner, "");
        matrix("ssm_out", k_inner, m_embedding);
    }

    void add_feed_forward() {
        const auto& style = m_model.style;
        if (style.feed_forward_norm) ones("ffn_norm", m_embedding);
        if (style.post_norms) ones("post_ffw_norm", m_embedding);
        if (is("gpt-oss")) return add_experts();
        if (!style.fused) matrix("ffn_gate", m_embedding, k_feed_forward);
        matrix("ffn_up", m_embedding, style.fused ? 2 * k_feed_forward : k_feed_forward);
        matrix("ffn_down", k_feed_forward, m_embedding);
    }

    void add_experts() {
        const auto biases = [this](const char* part, std::uint64_t count) {
            m_out.add_f32_tensor(name(part, ".bias"), {count, k_experts}, {0.0F});
        };
        ones("post_attention_norm", m_embedding);
        matrix("ffn_gate_inp", m_embedding, k_experts);
        ones("ffn_gate_inp", k_experts, ".bias");
        cube("ffn_gate_exps", m_embedding, k_feed_forward, k_experts);
        cube("ffn_up_exps", m_embedding, k_feed_forward, k_experts);
        cube("ffn_down_exps", k_feed_forward, m_embedding, k_experts);
        biases("ffn_gate_exps", k_feed_forward);
        biases("ffn_up_exps", k_feed_forward);
        biases("ffn_down_exps", m_embedding);
    }

    const ShapeModel& m_model;
    std::uint64_t m_embedding;
    GgufWriter m_out;
    int m_layer = -1; // -1: outside the layers
};

} // namespace

std::string gguf_of(const ShapeModel& model) {
    return Maker(model).bytes();
}

std::vector<ShapeModel> shape_models() {
    const std::pair<std::string, std::uint32_t> window{"attention.sliding_window", 700};
    const LayerStyle plain;
    const LayerStyle gemma{.post_norms = true, .head_norms = true};
    const LayerStyle after{.attention_norm = false,
                           .feed_forward_norm = false,
                           .post_norms = true,
                           .head_norms = true};
    const LayerStyle after_full{.attention_norm = false,
                                .feed_forward_norm = false,
                                .post_norms = true,
                                .full_norms = true};
    const auto rope = [](std::uint32_t length) {
        return std::pair<std::string, std::uint32_t>{"rope.dimension_count", length};
    };
    return {
        {"grouped", "llama", 5, 128, {8}, {4}, 64, 64, {rope(64)}},
        {"one-kv-head", "llama", 3, 128, {8}, {1}, 128, 128, {rope(128)}},
        {"all-heads", "llama", 2, 256, {8}, {}, 0, 0, {}},
        {"per-layer-heads", "deci", 5, 512, {8, 8, 0, 8, 8}, {4, 0, 0, 1, 2}, 64, 64, {}},
        {"gemma2",
         "gemma2",
         6,
         128,
         {4},
         {2},
         64,
         64,
         {window},
         {.post_norms = true, .output_weights = false}},
        {"gemma3", "gemma3", 7, 128, {4}, {1}, 128, 128, {window}, gemma},
        {"gemma4-shared",
         "gemma4",
         7,
         128,
         {4},
         {2},
         128,
         128,
         {window,
          {"attention.key_length_swa", 64},
          {"attention.value_length_swa", 64},
          {"attention.shared_kv_layers", 2},
          {"embedding_length_per_layer_input", 0}},
         gemma,
         {true, true, false, true, false, true, false},
         64},
        {"cohere2",
         "cohere2",
         9,
         256,
         {4},
         {2},
         0,
         0,
         {window},
         {.feed_forward_norm = false, .output_weights = false}},
        {"olmo2", "olmo2", 4, 256, {4}, {2}, 0, 0, {window}, after_full},
        {"exaone4-of-64-layers", "exaone4", 64, 128, {2}, {1}, 0, 0, {window}, after},
        {"exaone4-of-4-layers", "exaone4", 4, 128, {2}, {1}, 0, 0, {window}, after},
        {"window-not-used", "phi3", 3, 256, {4}, {4}, 0, 0, {window, rope(64)}, {.fused = true}},
        {"gpt-oss",
         "gpt-oss",
         6,
         128,
         {4},
         {2},
         64,
         64,
         {window,
          rope(64),
          {"expert_count", k_experts},
          {"expert_used_count", 1},
          {"expert_feed_forward_length", k_feed_forward}},
         {.feed_forward_norm = false}},
        {"latent",
         "deepseek2",
         26,
         128,
         {4},
         {1},
         k_latent_rank + k_latent_rope,
         k_latent_rank,
         {rope(k_latent_rope),
          {"attention.key_length_mla", k_latent_head},
          {"attention.value_length_mla", k_latent_value},
          {"attention.kv_lora_rank", k_latent_rank},
          {"leading_dense_block_count", 26}, // no layer of experts, but their keys must be there
          {"expert_count", k_experts},
          {"expert_used_count", 1},
          {"expert_shared_count", 1},
          {"expert_feed_forward_length", k_feed_forward}},
         plain},
        {"hybrid",
         "lfm2",
         6,
         256,
         {4},
         {0, 2, 0, 0, 2, 0},
         0,
         0,
         {{"shortconv.l_cache", 3}},
         {.head_norms = true, .output_weights = false}},
        {"recurrent",
         "mamba",
         4,
         128,
         {0},
         {0},
         0,
         0,
         {{"ssm.conv_kernel", k_taps},
          {"ssm.inner_size", k_inner},
          {"ssm.state_size", k_state},
          {"ssm.time_step_rank", k_step_rank}}},
    };
}

} // namespace odysseus::testing
