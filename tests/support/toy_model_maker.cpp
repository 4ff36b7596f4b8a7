#include "toy_model_maker.hpp"

#include "odysseus/models/toy_model.hpp"

#include "odysseus/base/text.hpp"

#include "gguf_write.hpp"

#include <cstdint>
#include <vector>

namespace odysseus {

namespace {

constexpr std::uint32_t k_layers = 2;
constexpr std::uint32_t k_embedding = 64;
constexpr std::uint32_t k_feed_forward = 160;
constexpr std::uint32_t k_heads = 4;
constexpr std::uint32_t k_kv_heads = 4;
constexpr std::uint32_t k_head = 16;
constexpr std::uint64_t k_query_width = std::uint64_t{k_heads} * k_head;
constexpr std::uint64_t k_kv_width = std::uint64_t{k_kv_heads} * k_head;
constexpr std::uint32_t k_trained_context = 131072;

constexpr const char* k_chat_template =
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}";

// Token types of llama.cpp's vocabulary.
enum TokenType : std::int32_t { normal = 1, unknown = 2, control = 3, byte = 6 };

struct Vocabulary {
    std::vector<std::string> tokens;
    std::vector<float> scores;
    std::vector<std::int32_t> types;

    void add(std::string token, float score, TokenType type) {
        tokens.push_back(std::move(token));
        scores.push_back(score);
        types.push_back(type);
    }
};

// SentencePiece in small: the bytes, so that every text can be said, and some characters and words.
[[nodiscard]] Vocabulary vocabulary() {
    static constexpr const char* k_space = "\xE2\x96\x81"; // U+2581 stands for a space
    static constexpr const char* k_words[] = {
        "the",  "a",  "of",  "to",   "and", "in",   "is",   "it",   "you",  "that", "he",   "was",
        "for",  "on", "are", "with", "as",  "his",  "they", "be",   "at",   "one",  "have", "this",
        "from", "or", "had", "by",   "not", "word", "but",  "what", "some", "we",   "can",  "out"};
    static constexpr char k_hex[] = "0123456789ABCDEF";
    Vocabulary all;
    all.add("<unk>", 0, unknown);
    all.add("<s>", 0, control);
    all.add("</s>", 0, control);
    for (int value = 0; value < 256; ++value)
        all.add(concat("<0x", k_hex[value >> 4], k_hex[value & 15], ">"), 0, byte);
    float score = 0;
    for (char c = '!'; c <= '~'; ++c)
        all.add(std::string(1, c), --score, normal);
    for (const char* word : k_words)
        all.add(concat(k_space, word), --score, normal);
    all.add(k_space, --score, normal);
    return all;
}

// xorshift64*: the same numbers on every system, which std::normal_distribution does not promise.
class Noise {
  public:
    // Between -0.1 and 0.1, in steps that are exact.
    [[nodiscard]] float next() {
        m_state ^= m_state >> 12;
        m_state ^= m_state << 25;
        m_state ^= m_state >> 27;
        const std::uint64_t bits = (m_state * 2685821657736338717ULL) >> 48;
        return (static_cast<float>(bits) - 32768.0F) / 327680.0F;
    }

  private:
    std::uint64_t m_state = 0x0D155E05;
};

class Weights {
  public:
    explicit Weights(GgufWriter& out) : m_out(out) {}

    // `first_column`, where given, replaces the noise there: a value for each row.
    void add_matrix(std::string_view name, std::uint64_t columns, std::uint64_t rows,
                    const std::vector<float>& first_column = {}) {
        std::vector<std::uint16_t> values(columns * rows);
        for (auto& value : values)
            value = half_of(m_noise.next());
        for (std::size_t row = 0; row < first_column.size(); ++row)
            values[row * columns] = half_of(first_column[row]);
        m_out.add_f16_tensor(name, {columns, rows}, values);
    }
    void add_ones(std::string_view name, std::uint64_t count) {
        m_out.add_f32_tensor(name, {count}, {1.0F});
    }

  private:
    GgufWriter& m_out;
    Noise m_noise;
};

// The first number of every embedding is 1, and goes through the residual stream almost unchanged:
// what the output layer does with it is a constant for each token. So bytes and control tokens are
// never said, words more often than single characters, and an answer ends after some 40 tokens.
[[nodiscard]] std::vector<float> output_bias(const Vocabulary& words) {
    constexpr std::size_t k_end_of_text = 2;
    std::vector<float> bias;
    for (std::size_t token = 0; token < words.tokens.size(); ++token) {
        const bool is_word = words.tokens[token].size() > 1;
        const float of_normal = is_word ? 0.1F : -0.1F;
        bias.push_back(words.types[token] == normal ? of_normal : -4.0F);
    }
    bias[k_end_of_text] = 0.12F;
    return bias;
}

void add_metadata(GgufWriter& out, const Vocabulary& words) {
    out.add_text("general.architecture", "llama");
    out.add_text("general.type", "model");
    out.add_text("general.name", models::k_toy_model_name);
    out.add_text("general.description",
                 "Random weights, made by odysseus itself: its answers are noise.");
    out.add_u32("general.file_type", 1); // mostly f16
    out.add_u32("llama.context_length", k_trained_context);
    out.add_u32("llama.embedding_length", k_embedding);
    out.add_u32("llama.block_count", k_layers);
    out.add_u32("llama.feed_forward_length", k_feed_forward);
    out.add_u32("llama.attention.head_count", k_heads);
    out.add_u32("llama.attention.head_count_kv", k_kv_heads);
    out.add_u32("llama.attention.key_length", k_head);
    out.add_u32("llama.attention.value_length", k_head);
    out.add_f32("llama.attention.layer_norm_rms_epsilon", 1e-5F);
    out.add_u32("llama.rope.dimension_count", k_head);
    out.add_u32("llama.vocab_size", static_cast<std::uint32_t>(words.tokens.size()));
    out.add_text("tokenizer.ggml.model", "llama");
    out.add_texts("tokenizer.ggml.tokens", words.tokens);
    out.add_floats("tokenizer.ggml.scores", words.scores);
    out.add_ints("tokenizer.ggml.token_type", words.types);
    out.add_u32("tokenizer.ggml.unknown_token_id", 0);
    out.add_u32("tokenizer.ggml.bos_token_id", 1);
    out.add_u32("tokenizer.ggml.eos_token_id", 2);
    out.add_bool("tokenizer.ggml.add_bos_token", true);
    out.add_text("tokenizer.chat_template", k_chat_template);
}

} // namespace

std::string made_toy_model() {
    const auto words = vocabulary();
    GgufWriter out;
    add_metadata(out, words);
    Weights weights(out);
    weights.add_matrix("token_embd.weight", k_embedding, words.tokens.size(),
                       std::vector<float>(words.tokens.size(), 1.0F));
    for (std::uint32_t layer = 0; layer < k_layers; ++layer) {
        const auto name = [layer](const char* part) {
            return concat("blk.", layer, ".", part, ".weight");
        };
        weights.add_ones(name("attn_norm"), k_embedding);
        weights.add_matrix(name("attn_q"), k_embedding, k_query_width);
        weights.add_matrix(name("attn_k"), k_embedding, k_kv_width);
        weights.add_matrix(name("attn_v"), k_embedding, k_kv_width);
        weights.add_matrix(name("attn_output"), k_query_width, k_embedding);
        weights.add_ones(name("ffn_norm"), k_embedding);
        weights.add_matrix(name("ffn_gate"), k_embedding, k_feed_forward);
        weights.add_matrix(name("ffn_up"), k_embedding, k_feed_forward);
        weights.add_matrix(name("ffn_down"), k_feed_forward, k_embedding);
    }
    weights.add_ones("output_norm.weight", k_embedding);
    weights.add_matrix("output.weight", k_embedding, words.tokens.size(), output_bias(words));
    return out.bytes();
}

} // namespace odysseus
