#include "gguf_write.hpp"

#include <bit>
#include <cstring>

namespace odysseus {

namespace {

constexpr std::size_t k_alignment = 32;

// Type numbers of the format.
constexpr std::uint32_t k_u32 = 4;
constexpr std::uint32_t k_i32 = 5;
constexpr std::uint32_t k_f32 = 6;
constexpr std::uint32_t k_bool = 7;
constexpr std::uint32_t k_text = 8;
constexpr std::uint32_t k_array = 9;
constexpr std::uint32_t k_tensor_f32 = 0;
constexpr std::uint32_t k_tensor_f16 = 1;

template <class Number>
void put(std::string& out, Number value) {
    static_assert(std::endian::native == std::endian::little);
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    out.append(bytes, sizeof value);
}

void put_text(std::string& out, std::string_view text) {
    put<std::uint64_t>(out, text.size());
    out += text;
}

void pad(std::string& out) {
    out.resize((out.size() + k_alignment - 1) / k_alignment * k_alignment);
}

} // namespace

std::uint16_t half_of(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000);
    const auto exponent = static_cast<int>((bits >> 23) & 0xFF) - 127 + 15;
    if (exponent <= 0) return sign; // too small: zero
    constexpr std::uint16_t k_largest = 0x7BFF;
    if (exponent >= 31) return static_cast<std::uint16_t>(sign | k_largest);
    const auto rounded =
        (static_cast<std::uint32_t>(exponent) << 10) + (((bits & 0x7FFFFF) + 0x1000) >> 13);
    return static_cast<std::uint16_t>(sign | (rounded > k_largest ? k_largest : rounded));
}

void GgufWriter::begin_pair(std::string_view key, std::uint32_t type) {
    put_text(m_pairs, key);
    put(m_pairs, type);
    ++m_pair_count;
}

void GgufWriter::begin_array(std::string_view key, std::uint32_t type, std::size_t count) {
    begin_pair(key, k_array);
    put(m_pairs, type);
    put<std::uint64_t>(m_pairs, count);
}

void GgufWriter::add_u32(std::string_view key, std::uint32_t value) {
    begin_pair(key, k_u32);
    put(m_pairs, value);
}

void GgufWriter::add_f32(std::string_view key, float value) {
    begin_pair(key, k_f32);
    put(m_pairs, value);
}

void GgufWriter::add_bool(std::string_view key, bool value) {
    begin_pair(key, k_bool);
    put<std::uint8_t>(m_pairs, value ? 1 : 0);
}

void GgufWriter::add_text(std::string_view key, std::string_view value) {
    begin_pair(key, k_text);
    put_text(m_pairs, value);
}

void GgufWriter::add_ints(std::string_view key, const std::vector<std::int32_t>& values) {
    begin_array(key, k_i32, values.size());
    for (const auto value : values)
        put(m_pairs, value);
}

void GgufWriter::add_bools(std::string_view key, const std::vector<bool>& values) {
    begin_array(key, k_bool, values.size());
    for (const bool value : values)
        put<std::uint8_t>(m_pairs, value ? 1 : 0);
}

void GgufWriter::add_floats(std::string_view key, const std::vector<float>& values) {
    begin_array(key, k_f32, values.size());
    for (const auto value : values)
        put(m_pairs, value);
}

void GgufWriter::add_texts(std::string_view key, const std::vector<std::string>& values) {
    begin_array(key, k_text, values.size());
    for (const auto& value : values)
        put_text(m_pairs, value);
}

template <class Value>
void GgufWriter::add_tensor(std::string_view name, const std::vector<std::uint64_t>& dimensions,
                            std::uint32_t type, const std::vector<Value>& values) {
    put_text(m_tensors, name);
    put(m_tensors, static_cast<std::uint32_t>(dimensions.size()));
    std::uint64_t elements = 1;
    for (const auto dimension : dimensions) {
        put(m_tensors, dimension);
        elements *= dimension;
    }
    put(m_tensors, type);
    put<std::uint64_t>(m_tensors, m_weights.size());
    ++m_tensor_count;
    for (std::uint64_t i = 0; i < elements; ++i)
        put(m_weights, values[i % values.size()]);
    pad(m_weights);
}

void GgufWriter::add_f32_tensor(std::string_view name, const std::vector<std::uint64_t>& dimensions,
                                const std::vector<float>& values) {
    add_tensor(name, dimensions, k_tensor_f32, values);
}

void GgufWriter::add_f16_tensor(std::string_view name, const std::vector<std::uint64_t>& dimensions,
                                const std::vector<std::uint16_t>& values) {
    add_tensor(name, dimensions, k_tensor_f16, values);
}

std::string GgufWriter::bytes() const {
    std::string out = "GGUF";
    put<std::uint32_t>(out, 3);
    put(out, m_tensor_count);
    put(out, m_pair_count);
    out += m_pairs;
    out += m_tensors;
    pad(out);
    out += m_weights;
    return out;
}

} // namespace odysseus
