#include "odysseus/models/gguf_header.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace odysseus::models {

namespace {

constexpr std::size_t k_window_bytes = std::size_t{64} * 1024; // one read of the source
constexpr std::uint64_t k_pairs_max = 65536;                   // real files have some 40
constexpr std::uint64_t k_tensors_max = 1 << 20;
constexpr std::uint64_t k_key_bytes_max = 65535;      // the format's own limit
constexpr std::uint64_t k_kept_text_bytes_max = 4096; // longer ones are passed by
constexpr std::uint64_t k_kept_elements_max = 1024;   // llama.cpp has at most 512 layers
constexpr std::size_t k_kept_bytes_max = 1 << 20;     // of keys and values together
constexpr std::uint32_t k_dimensions_max = 8;         // llama.cpp knows 4
constexpr std::uint64_t k_default_alignment = 32;

enum class Type : std::uint32_t {
    u8,
    i8,
    u16,
    i16,
    u32,
    i32,
    f32,
    truth,
    text,
    array,
    u64,
    i64,
    f64
};
constexpr std::array<std::uint8_t, 13> k_type_bytes{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

// Thrown inside this file alone, and caught in read_gguf: it keeps the reading code straight.
struct Refusal {
    std::string reason;
};

[[noreturn]] void refuse(std::string reason) {
    throw Refusal{std::move(reason)};
}

// Reads forward through a window; a skip costs nothing.
class Cursor {
  public:
    Cursor(const ReadAt& read_at, std::uint64_t file_bytes)
        : m_read_at(read_at), m_file_bytes(file_bytes) {}

    [[nodiscard]] std::uint64_t at() const { return m_at; }
    [[nodiscard]] std::uint64_t left() const { return m_file_bytes - m_at; }

    void skip(std::uint64_t bytes) {
        if (bytes > left()) refuse("its header runs past the end of the file");
        m_at += bytes;
    }

    // At most k_window_bytes. Valid until the next call.
    [[nodiscard]] std::string_view take(std::size_t bytes) {
        if (bytes > left()) refuse("its header runs past the end of the file");
        if (m_at < m_window_at || m_at + bytes > m_window_at + m_window.size()) fill();
        const std::string_view view(m_window.data() + (m_at - m_window_at), bytes);
        m_at += bytes;
        return view;
    }

    template <class Number>
    [[nodiscard]] Number number() {
        static_assert(std::endian::native == std::endian::little);
        Number value{};
        std::memcpy(&value, take(sizeof value).data(), sizeof value);
        return value;
    }

  private:
    void fill() {
        m_window.resize(static_cast<std::size_t>(std::min<std::uint64_t>(k_window_bytes, left())));
        if (!m_read_at(m_at, m_window.data(), m_window.size())) refuse("it cannot be read");
        m_window_at = m_at;
    }

    const ReadAt& m_read_at;
    std::uint64_t m_file_bytes;
    std::uint64_t m_at = 0;
    std::uint64_t m_window_at = 0;
    std::string m_window;
};

[[nodiscard]] Type checked_type(std::uint32_t raw) {
    if (raw >= k_type_bytes.size()) refuse(concat("it has a value of the unknown type ", raw));
    return static_cast<Type>(raw);
}

[[nodiscard]] std::uint64_t bytes_of(Type type) {
    return k_type_bytes[static_cast<std::size_t>(type)];
}

[[nodiscard]] std::string short_text(Cursor& in, std::uint64_t bytes) {
    return std::string(in.take(static_cast<std::size_t>(bytes)));
}

// A number, a truth or nothing that fits into GgufValue.
[[nodiscard]] std::optional<GgufValue> scalar(Cursor& in, Type type) {
    switch (type) {
    case Type::u8: return std::int64_t{in.number<std::uint8_t>()};
    case Type::i8: return std::int64_t{in.number<std::int8_t>()};
    case Type::u16: return std::int64_t{in.number<std::uint16_t>()};
    case Type::i16: return std::int64_t{in.number<std::int16_t>()};
    case Type::u32: return std::int64_t{in.number<std::uint32_t>()};
    case Type::i32: return std::int64_t{in.number<std::int32_t>()};
    case Type::i64: return in.number<std::int64_t>();
    case Type::f32: return double{in.number<float>()};
    case Type::f64: return in.number<double>();
    case Type::truth: return in.number<std::uint8_t>() != 0;
    case Type::u64: {
        const auto value = in.number<std::uint64_t>();
        if (value > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) return std::nullopt;
        return static_cast<std::int64_t>(value);
    }
    case Type::text:
    case Type::array: break;
    }
    return std::nullopt;
}

// The elements, or nothing where they are not whole numbers or are too many to keep.
[[nodiscard]] std::optional<GgufValue> array(Cursor& in, std::uint64_t& count) {
    const Type type = checked_type(in.number<std::uint32_t>());
    count = in.number<std::uint64_t>();
    if (type == Type::array) refuse("it has an array of arrays");
    const std::uint64_t least = type == Type::text ? 8 : bytes_of(type);
    if (count > in.left() / least) refuse("an array in its header is longer than the file");
    if (type == Type::text) {
        for (std::uint64_t i = 0; i < count; ++i)
            in.skip(in.number<std::uint64_t>());
        return std::nullopt;
    }
    if (type == Type::f32 || type == Type::f64 || count > k_kept_elements_max) {
        in.skip(count * least);
        return std::nullopt;
    }
    std::vector<std::int64_t> elements;
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto element = scalar(in, type);
        if (!element) return in.skip((count - i - 1) * least), std::nullopt;
        const auto* truth = std::get_if<bool>(&*element);
        elements.push_back(truth != nullptr ? std::int64_t{*truth}
                                            : std::get<std::int64_t>(*element));
    }
    return elements;
}

[[nodiscard]] std::size_t cost(const GgufValue& value) {
    if (const auto* text = std::get_if<std::string>(&value)) return text->size();
    if (const auto* list = std::get_if<std::vector<std::int64_t>>(&value)) return list->size() * 8;
    return sizeof(GgufValue);
}

struct Pairs {
    std::map<std::string, GgufValue, std::less<>> values;
    std::optional<std::int64_t> vocab_size;
    std::string chat_template;
    bool has_chat_template = false;
    bool can_insert = false;
};

[[nodiscard]] bool is_insert_token(std::string_view key) {
    return key == "tokenizer.ggml.fim_mid_token_id" || key == "tokenizer.ggml.middle_token_id";
}

[[nodiscard]] Pairs read_pairs(Cursor& in, std::uint64_t pair_count) {
    Pairs pairs;
    std::size_t kept_bytes = 0;
    for (std::uint64_t i = 0; i < pair_count; ++i) {
        const auto key_bytes = in.number<std::uint64_t>();
        if (key_bytes > k_key_bytes_max) refuse("a key in its header is too long");
        auto key = short_text(in, key_bytes);
        const Type type = checked_type(in.number<std::uint32_t>());
        std::optional<GgufValue> value;
        if (type == Type::text) {
            const auto bytes = in.number<std::uint64_t>();
            const bool is_template = key == "tokenizer.chat_template";
            if (is_template && bytes <= k_window_bytes) {
                pairs.chat_template = short_text(in, bytes);
            } else if (bytes > k_kept_text_bytes_max) {
                in.skip(bytes);
            } else {
                value = short_text(in, bytes);
            }
        } else if (type == Type::array) {
            std::uint64_t count = 0;
            value = array(in, count);
            if (key == "tokenizer.ggml.tokens") pairs.vocab_size = static_cast<std::int64_t>(count);
        } else {
            value = scalar(in, type);
        }
        if (is_insert_token(key)) pairs.can_insert = true;
        if (key.starts_with("tokenizer.chat_template")) pairs.has_chat_template = true;
        if (!value || key.starts_with("tokenizer.")) continue;
        kept_bytes += key.size() + cost(*value);
        if (kept_bytes > k_kept_bytes_max) refuse("its header has too many values");
        if (!pairs.values.emplace(std::move(key), std::move(*value)).second) {
            refuse("a key stands twice in its header");
        }
    }
    return pairs;
}

// A product that cannot overflow.
[[nodiscard]] std::uint64_t read_elements(Cursor& in, std::uint32_t dimensions) {
    constexpr std::uint64_t k_most = std::uint64_t{1} << 62;
    std::uint64_t elements = 1;
    for (std::uint32_t i = 0; i < dimensions; ++i) {
        const auto length = in.number<std::uint64_t>();
        elements = length != 0 && elements > k_most / length ? k_most : elements * length;
    }
    return elements;
}

struct TensorTable {
    Weights weights;
    std::uint64_t last_offset = 0; // where the last one begins, from the start of the weights
    std::int64_t elements = 0;     // of all; what is too many to be true counts as nothing
};

[[nodiscard]] TensorTable read_tensors(Cursor& in, std::uint64_t tensor_count) {
    constexpr std::uint64_t k_elements_max = std::uint64_t{1} << 40;
    TensorTable table;
    for (std::uint64_t i = 0; i < tensor_count; ++i) {
        const auto name_bytes = in.number<std::uint64_t>();
        if (name_bytes > k_key_bytes_max) refuse("a tensor's name is too long");
        const auto name = short_text(in, name_bytes);
        const auto dimensions = in.number<std::uint32_t>();
        if (dimensions > k_dimensions_max) refuse("a tensor has too many dimensions");
        const auto elements = read_elements(in, dimensions);
        if (elements <= k_elements_max) table.elements += static_cast<std::int64_t>(elements);
        const auto type = in.number<std::uint32_t>();
        add_tensor(table.weights, name, type, elements);
        table.last_offset = std::max(table.last_offset, in.number<std::uint64_t>());
    }
    return table;
}

// Keeps what is about the model, under the names that GgufInfo promises.
[[nodiscard]] GgufInfo info_of(Pairs pairs) {
    GgufInfo info;
    const auto found = pairs.values.find("general.architecture");
    const auto* name =
        found == pairs.values.end() ? nullptr : std::get_if<std::string>(&found->second);
    if (name == nullptr || name->empty()) refuse("it does not name its architecture");
    if (!is_utf8(*name)) refuse("the name of its architecture is not UTF-8");
    info.architecture = *name;
    info.vocab_size = pairs.vocab_size;
    info.can_insert = pairs.can_insert;
    info.has_chat_template = pairs.has_chat_template;
    if (is_utf8(pairs.chat_template)) info.chat_template = std::move(pairs.chat_template);
    const std::string prefix = info.architecture + ".";
    for (auto& [key, value] : pairs.values) {
        const auto* text = std::get_if<std::string>(&value);
        if (text != nullptr && !is_utf8(*text)) continue;
        if (key.starts_with("general.") || key.starts_with("split.")) {
            info.values.emplace(key, std::move(value));
        } else if (key.starts_with(prefix)) {
            info.values.emplace(key.substr(prefix.size()), std::move(value));
        }
    }
    return info;
}

[[nodiscard]] GgufInfo read_all(const ReadAt& read_at, std::uint64_t file_bytes) {
    Cursor in(read_at, file_bytes);
    if (file_bytes < 24) refuse("it is too short for a GGUF file");
    if (in.take(4) != "GGUF") refuse("it is no GGUF file (its first bytes are not \"GGUF\")");
    const auto version = in.number<std::uint32_t>();
    if (version > 0xFFFF && (version & 0xFFFF) == 0) refuse("it is a big-endian GGUF file");
    if (version != 2 && version != 3) refuse(concat("it is a GGUF file of version ", version));
    const auto tensor_count = in.number<std::uint64_t>();
    const auto pair_count = in.number<std::uint64_t>();
    // The shortest pair has 8 bytes of length, a key of one byte, a type and one byte of value; the
    // shortest tensor has a length, a dimension count, a type and an offset.
    if (pair_count > k_pairs_max || pair_count > in.left() / 14) {
        refuse("its header promises more values than there can be");
    }
    if (tensor_count > k_tensors_max || tensor_count > in.left() / 24) {
        refuse("its header promises more tensors than there can be");
    }
    auto info = info_of(read_pairs(in, pair_count));
    info.version = version;
    info.tensor_count = tensor_count;
    auto table = read_tensors(in, tensor_count);
    const auto last = table.last_offset;
    info.weights = std::move(table.weights);
    info.parameter_count = table.elements;
    const auto alignment = static_cast<std::uint64_t>(
        info.number("general.alignment").value_or(std::int64_t{k_default_alignment}));
    if (!std::has_single_bit(alignment) || alignment > (1 << 20)) refuse("its alignment is odd");
    const auto weights_at = (in.at() + alignment - 1) / alignment * alignment;
    if (tensor_count > 0 && last < std::numeric_limits<std::uint64_t>::max() / 2) {
        info.bytes_at_least = weights_at + last + 1;
    }
    return info;
}

} // namespace

std::optional<std::int64_t> GgufInfo::number(std::string_view key) const {
    const auto found = values.find(key);
    if (found == values.end()) return std::nullopt;
    if (const auto* whole = std::get_if<std::int64_t>(&found->second)) return *whole;
    if (const auto* truth = std::get_if<bool>(&found->second)) return *truth ? 1 : 0;
    return std::nullopt;
}

std::optional<std::string> GgufInfo::text(std::string_view key) const {
    const auto found = values.find(key);
    if (found == values.end()) return std::nullopt;
    const auto* text = std::get_if<std::string>(&found->second);
    return text == nullptr ? std::nullopt : std::optional(*text);
}

std::optional<std::int64_t> GgufInfo::of_layer(std::string_view key, std::int64_t layer) const {
    const auto found = values.find(key);
    if (found == values.end()) return std::nullopt;
    const auto* list = std::get_if<std::vector<std::int64_t>>(&found->second);
    if (list == nullptr) return number(key);
    if (layer < 0 || layer >= static_cast<std::int64_t>(list->size())) return std::nullopt;
    return (*list)[static_cast<std::size_t>(layer)];
}

std::variant<GgufInfo, GgufRefused> read_gguf(const ReadAt& read_at, std::uint64_t file_bytes) {
    try {
        return read_all(read_at, file_bytes);
    } catch (const Refusal& refusal) {
        return GgufRefused{refusal.reason};
    }
}

std::variant<GgufInfo, GgufRefused> read_gguf(std::string_view bytes) {
    return read_gguf(
        [bytes](std::uint64_t offset, char* into, std::size_t count) {
            if (offset > bytes.size() || count > bytes.size() - offset) return false;
            std::memcpy(into, bytes.data() + offset, count);
            return true;
        },
        bytes.size());
}

} // namespace odysseus::models
