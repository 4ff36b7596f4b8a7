// Writes a GGUF file (version 3, little-endian) into memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus {

// The nearest half-precision number; for the small normal numbers that weights are.
[[nodiscard]] std::uint16_t half_of(float value);

class GgufWriter {
  public:
    void add_u32(std::string_view key, std::uint32_t value);
    void add_f32(std::string_view key, float value);
    void add_bool(std::string_view key, bool value);
    void add_text(std::string_view key, std::string_view value);
    void add_ints(std::string_view key, const std::vector<std::int32_t>& values);
    void add_bools(std::string_view key, const std::vector<bool>& values);
    void add_floats(std::string_view key, const std::vector<float>& values);
    void add_texts(std::string_view key, const std::vector<std::string>& values);

    // The fastest dimension first. The values go round until the tensor is full.
    void add_f32_tensor(std::string_view name, const std::vector<std::uint64_t>& dimensions,
                        const std::vector<float>& values);
    void add_f16_tensor(std::string_view name, const std::vector<std::uint64_t>& dimensions,
                        const std::vector<std::uint16_t>& values);

    [[nodiscard]] std::string bytes() const;

  private:
    void begin_pair(std::string_view key, std::uint32_t type);
    void begin_array(std::string_view key, std::uint32_t type, std::size_t count);
    template <class Value>
    void add_tensor(std::string_view name, const std::vector<std::uint64_t>& dimensions,
                    std::uint32_t type, const std::vector<Value>& values);

    std::string m_pairs;
    std::uint64_t m_pair_count = 0;
    std::string m_tensors; // the table
    std::uint64_t m_tensor_count = 0;
    std::string m_weights;
};

} // namespace odysseus
