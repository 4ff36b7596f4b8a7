#include "odysseus/models/gguf_header.hpp"

#include "gguf_write.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstring>
#include <string>

using namespace odysseus;
using namespace odysseus::models;

namespace {

GgufWriter plain_writer() {
    GgufWriter out;
    out.add_text("general.architecture", "llama");
    out.add_text("general.name", "A model");
    out.add_u32("llama.block_count", 2);
    out.add_u32("llama.context_length", 4096);
    out.add_f32("llama.rope.freq_base", 10000);
    out.add_bool("llama.flag", true);
    out.add_ints("llama.attention.head_count_kv", {8, 0});
    out.add_bools("llama.attention.sliding_window_pattern", {true, false});
    out.add_texts("tokenizer.ggml.tokens", {"a", "bb", "", "dddd"});
    out.add_floats("tokenizer.ggml.scores", {0, 1, 2, 3});
    out.add_text("tokenizer.chat_template", std::string(9000, 'x'));
    out.add_u32("split.count", 1);
    out.add_f32_tensor("token_embd.weight", {4, 4}, {1.0F});
    return out;
}

GgufInfo accepted(std::string_view bytes) {
    const auto read = read_gguf(bytes);
    if (const auto* refused = std::get_if<GgufRefused>(&read)) FAIL(refused->reason);
    return std::get<GgufInfo>(read);
}

std::string refusal(std::string_view bytes) {
    const auto read = read_gguf(bytes);
    const auto* refused = std::get_if<GgufRefused>(&read);
    return refused == nullptr ? "(accepted)" : refused->reason;
}

template <class Number>
std::string raw(Number value) {
    std::string bytes(sizeof value, '\0');
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}

std::string text(std::string_view value) {
    return raw<std::uint64_t>(value.size()) + std::string(value);
}

std::string file_of(std::uint64_t tensors, std::uint64_t pairs, const std::string& rest,
                    std::uint32_t version = 3) {
    return "GGUF" + raw(version) + raw(tensors) + raw(pairs) + rest + std::string(64, '\0');
}

const std::string k_architecture =
    text("general.architecture") + raw<std::uint32_t>(8) + text("llama");

} // namespace

TEST_CASE("gguf: the values are found under their names") {
    const auto info = accepted(plain_writer().bytes());
    CHECK(info.version == 3);
    CHECK(info.architecture == "llama");
    CHECK(info.text("general.name") == "A model");
    CHECK(info.block_count() == 2);
    CHECK(info.trained_context() == 4096);
    CHECK(info.number("flag") == 1);
    CHECK(std::get<double>(info.values.at("rope.freq_base")) == 10000);
    CHECK(info.of_layer("attention.head_count_kv", 0) == 8);
    CHECK(info.of_layer("attention.head_count_kv", 1) == 0);
    CHECK_FALSE(info.of_layer("attention.head_count_kv", 2));
    CHECK_FALSE(info.of_layer("attention.head_count_kv", -1));
    CHECK(info.of_layer("attention.sliding_window_pattern", 0) == 1);
    CHECK(info.of_layer("block_count", 1) == 2);
    CHECK(info.vocab_size == 4);
    CHECK(info.number("split.count") == 1);
    CHECK_FALSE(info.number("general.name"));
    CHECK_FALSE(info.text("block_count"));
    CHECK(info.tensor_count == 1);
    CHECK(info.parameter_count == 16);
    CHECK(info.chat_template == std::string(9000, 'x'));
    CHECK_FALSE(info.can_insert);
}

TEST_CASE("gguf: what is needed to show a model") {
    GgufWriter out;
    out.add_text("general.architecture", "llama");
    out.add_text("tokenizer.chat_template", std::string(70'000, 'x')); // too long to be kept
    out.add_u32("tokenizer.ggml.fim_mid_token_id", 7);
    out.add_f32_tensor("a", {4, 4}, {1.0F});
    out.add_f32_tensor("b", {2, 3, 2}, {1.0F});
    const auto info = accepted(out.bytes());
    CHECK(info.chat_template.empty());
    CHECK(info.has_chat_template);
    CHECK(info.can_insert);
    CHECK(info.parameter_count == 28);
}

TEST_CASE("gguf: dimensions that cannot be true count as no parameters") {
    const auto huge = raw<std::uint64_t>(1ULL << 40);
    const auto info =
        accepted(file_of(1, 1,
                         k_architecture + text("t") + raw<std::uint32_t>(3) + huge + huge + huge +
                             raw<std::uint32_t>(0) + raw<std::uint64_t>(0)));
    CHECK(info.parameter_count == 0);
}

TEST_CASE("gguf: a file that was cut off is known by its table of tensors") {
    const auto bytes = plain_writer().bytes();
    const auto info = accepted(bytes);
    REQUIRE(info.bytes_at_least);
    CHECK(*info.bytes_at_least <= bytes.size());
    CHECK(*info.bytes_at_least > bytes.size() - 100);
}

TEST_CASE("gguf: every integer type is read") {
    std::string rest = k_architecture;
    const auto pair = [&](const char* key, std::uint32_t type, const std::string& value) {
        rest += text(key) + raw(type) + value;
    };
    pair("llama.u8", 0, raw<std::uint8_t>(200));
    pair("llama.i8", 1, raw<std::int8_t>(-3));
    pair("llama.u16", 2, raw<std::uint16_t>(60000));
    pair("llama.i16", 3, raw<std::int16_t>(-30000));
    pair("llama.i32", 5, raw<std::int32_t>(-5));
    pair("llama.u64", 10, raw<std::uint64_t>(1ULL << 40));
    pair("llama.i64", 11, raw<std::int64_t>(-7));
    pair("llama.f64", 12, raw<double>(0.5));
    pair("llama.huge", 10, raw<std::uint64_t>(~0ULL));
    for (const std::uint32_t version : {2U, 3U}) {
        const auto info = accepted(file_of(0, 10, rest, version));
        CHECK(info.number("u8") == 200);
        CHECK(info.number("i8") == -3);
        CHECK(info.number("u16") == 60000);
        CHECK(info.number("i16") == -30000);
        CHECK(info.number("i32") == -5);
        CHECK(info.number("u64") == 1LL << 40);
        CHECK(info.number("i64") == -7);
        CHECK(std::get<double>(info.values.at("f64")) == 0.5);
        CHECK_FALSE(info.values.contains("huge")); // no number of ours; so it is not known
    }
}

TEST_CASE("gguf: what is no GGUF of ours is refused with a reason") {
    CHECK(refusal("") == "it is too short for a GGUF file");
    CHECK(refusal(std::string(100, 'x')) ==
          "it is no GGUF file (its first bytes are not \"GGUF\")");
    CHECK(refusal(file_of(0, 1, k_architecture, 1)) == "it is a GGUF file of version 1");
    CHECK(refusal(file_of(0, 1, k_architecture, 4)) == "it is a GGUF file of version 4");
    CHECK(refusal(file_of(0, 1, k_architecture, 0x03000000)) == "it is a big-endian GGUF file");
    CHECK(refusal(file_of(0, 0, "")) == "it does not name its architecture");
    CHECK(refusal(file_of(0, 1, text("general.architecture") + raw<std::uint32_t>(4) + raw(1))) ==
          "it does not name its architecture");
    CHECK(refusal(
              file_of(0, 1, text("general.architecture") + raw<std::uint32_t>(8) + text("\xFF"))) ==
          "the name of its architecture is not UTF-8");
    CHECK(refusal(file_of(0, 2, k_architecture + k_architecture)) ==
          "a key stands twice in its header");
    CHECK(refusal(file_of(0, 2, k_architecture + text("k") + raw<std::uint32_t>(13))) ==
          "it has a value of the unknown type 13");
}

TEST_CASE("gguf: hostile lengths and counts are refused before anything is allocated") {
    const auto array_of = [](std::uint32_t type, std::uint64_t count) {
        return text("k") + raw<std::uint32_t>(9) + raw(type) + raw(count);
    };
    constexpr std::uint64_t k_huge = ~0ULL;
    struct Row {
        std::string bytes;
        const char* reason;
    };
    const char* past_end = "its header runs past the end of the file";
    const char* long_array = "an array in its header is longer than the file";
    const Row rows[] = {
        {file_of(0, k_huge, k_architecture), "its header promises more values than there can be"},
        {file_of(0, 65537, k_architecture), "its header promises more values than there can be"},
        {file_of(k_huge, 1, k_architecture), "its header promises more tensors than there can be"},
        {file_of(0, 1, raw(k_huge)), "a key in its header is too long"},
        {file_of(0, 1, raw<std::uint64_t>(70000) + std::string(80000, 'k')),
         "a key in its header is too long"},
        {file_of(0, 1, text("k") + raw<std::uint32_t>(8) + raw(k_huge)), past_end},
        {file_of(0, 1, text("k") + raw<std::uint32_t>(8) + raw(k_huge / 2)), past_end},
        {file_of(0, 1, array_of(4, k_huge)), long_array},
        {file_of(0, 1, array_of(4, 1ULL << 62)), long_array}, // times four it wraps to 0
        {file_of(0, 1, array_of(8, k_huge)), long_array},
        {file_of(0, 1, array_of(8, 3) + raw(k_huge)), past_end},
        {file_of(0, 1, array_of(9, 1) + raw<std::uint32_t>(4) + raw<std::uint64_t>(1)),
         "it has an array of arrays"},
        {file_of(2, 1, k_architecture + text("t") + raw<std::uint32_t>(0xFFFFFFFF)),
         "a tensor has too many dimensions"},
        {file_of(2, 1, k_architecture + raw(k_huge)), "a tensor's name is too long"},
    };
    for (const auto& row : rows)
        CHECK(refusal(row.bytes) == row.reason);
    // A tensor far beyond the file is no reason to refuse: the file is cut off.
    const auto far = accepted(file_of(1, 1,
                                      k_architecture + text("t") + raw<std::uint32_t>(0) +
                                          raw<std::uint32_t>(0) + raw<std::uint64_t>(1ULL << 50)));
    CHECK(far.bytes_at_least > 1ULL << 50);
}

TEST_CASE("gguf: every cut of a good file is refused or read, and none is read past its end") {
    const auto whole = plain_writer().bytes();
    for (std::size_t length = 0; length < whole.size(); ++length) {
        const std::string cut =
            whole.substr(0, length); // exactly so long: a sanitizer sees one byte more
        const auto read = read_gguf(cut);
        if (const auto* info = std::get_if<GgufInfo>(&read))
            CHECK(info->bytes_at_least > length - 64);
    }
}

TEST_CASE("gguf: a header is read in few steps, and weights never") {
    GgufWriter out;
    out.add_text("general.architecture", "llama");
    out.add_u32("llama.block_count", 2);
    out.add_floats("tokenizer.ggml.scores", std::vector<float>(400'000));
    out.add_text("tokenizer.chat_template", std::string(300'000, 'x'));
    out.add_u32("llama.context_length", 77);
    out.add_f32_tensor("t", {1}, {1.0F});
    const auto header = out.bytes();
    const std::uint64_t file_bytes = 4ULL << 30;
    int reads = 0;
    std::uint64_t bytes_read = 0;
    const auto read = read_gguf(
        [&](std::uint64_t offset, char* into, std::size_t bytes) {
            ++reads;
            bytes_read += bytes;
            for (std::size_t i = 0; i < bytes; ++i)
                into[i] = offset + i < header.size() ? header[offset + i] : '\0';
            return true;
        },
        file_bytes);
    REQUIRE(std::holds_alternative<GgufInfo>(read));
    CHECK(std::get<GgufInfo>(read).trained_context() == 77);
    CHECK(reads <= 4);
    CHECK(bytes_read < 1 << 20);
}

TEST_CASE("gguf: a source that fails is a refusal") {
    const auto read = read_gguf([](std::uint64_t, char*, std::size_t) { return false; }, 1000);
    REQUIRE(std::holds_alternative<GgufRefused>(read));
    CHECK(std::get<GgufRefused>(read).reason == "it cannot be read");
}

TEST_CASE("gguf: halves are the nearest ones") {
    CHECK(half_of(0.0F) == 0);
    CHECK(half_of(1.0F) == 0x3C00);
    CHECK(half_of(-2.0F) == 0xC000);
    CHECK(half_of(65504.0F) == 0x7BFF);
    CHECK(half_of(1e9F) == 0x7BFF);
    CHECK(half_of(0.1F) == 0x2E66);
    CHECK(half_of(1e-9F) == 0);
}
