#include "conversation.hpp"

#include <nlohmann/json.hpp>
#include <string>

namespace odysseus::proxy {
namespace {

constexpr std::size_t k_body_bytes_max = std::size_t{256} * 1024;
constexpr std::size_t k_prompt_bytes_max = 1024; // a prompt grows at its end
constexpr std::size_t k_messages_max = 16;       // before the user's first

constexpr std::uint64_t k_fnv_basis = 0xcbf29ce484222325U;
constexpr std::uint64_t k_fnv_prime = 0x100000001b3U;

// Reads a request's JSON as far as the beginning of the conversation, and no further.
class BeginningReader final : public nlohmann::json_sax<nlohmann::json> {
  public:
    explicit BeginningReader(std::string_view model) { add(model); }

    [[nodiscard]] std::optional<std::uint64_t> hash() const {
        return m_found ? std::optional(m_hash) : std::nullopt;
    }

    bool null() override { return scalar("null"); }
    bool boolean(bool value) override { return scalar(value ? "true" : "false"); }
    bool number_integer(number_integer_t value) override { return scalar(std::to_string(value)); }
    bool number_unsigned(number_unsigned_t value) override { return scalar(std::to_string(value)); }
    bool number_float(number_float_t /*value*/, const string_t& text) override {
        return scalar(text);
    }
    bool binary(binary_t& /*value*/) override { return false; }

    bool string(string_t& value) override {
        if (m_depth == 1 && m_member == Member::conversation) { // a prompt
            m_found = true;
            add(std::string_view(value).substr(0, k_prompt_bytes_max));
            return false;
        }
        if (m_depth == 3 && m_role_next && value == "user") m_user = true;
        return scalar(value);
    }
    bool key(string_t& value) override {
        if (m_depth == 1) {
            m_member = member_of(value);
            return true;
        }
        m_role_next = m_depth == 3 && value == "role";
        if (m_member != Member::other) add(value);
        return true;
    }
    bool start_object(std::size_t /*elements*/) override { return open('{'); }
    bool start_array(std::size_t /*elements*/) override { return open('['); }
    bool end_object() override {
        --m_depth;
        if (m_member != Member::conversation || m_depth != 2) return true;
        m_found = true; // a message has ended
        return !m_user && ++m_messages < k_messages_max;
    }
    bool end_array() override {
        --m_depth;
        return m_depth != 1 || m_member != Member::conversation;
    }
    bool parse_error(std::size_t /*at*/, const std::string& /*token*/,
                     const nlohmann::detail::exception& /*why*/) override {
        return false;
    }

  private:
    enum class Member { other, system, conversation };

    static Member member_of(std::string_view key) {
        if (key == "messages" || key == "prompt" || key == "input") return Member::conversation;
        return key == "system" || key == "instructions" ? Member::system : Member::other;
    }
    bool open(char bracket) {
        ++m_depth;
        return scalar({&bracket, 1});
    }
    bool scalar(std::string_view text) {
        if (m_member != Member::other) add(text);
        return true;
    }
    void add(std::string_view text) {
        for (const char c : text)
            m_hash = (m_hash ^ static_cast<unsigned char>(c)) * k_fnv_prime;
        m_hash = (m_hash ^ 0xff) * k_fnv_prime; // no byte of UTF-8
    }

    std::uint64_t m_hash = k_fnv_basis;
    int m_depth = 0;
    Member m_member = Member::other;
    bool m_role_next = false;
    bool m_user = false;
    bool m_found = false;
    std::size_t m_messages = 0;
};

} // namespace

std::optional<std::uint64_t> conversation_of(std::string_view model, std::string_view body) {
    BeginningReader reader(model);
    const auto beginning = body.substr(0, k_body_bytes_max);
    (void)nlohmann::json::sax_parse(beginning, &reader, nlohmann::json::input_format_t::json,
                                    false);
    return reader.hash();
}

std::optional<int> ConversationPlaces::find(std::uint64_t conversation) const {
    const auto found = m_places.find(conversation);
    if (found == m_places.end()) return std::nullopt;
    return found->second->second;
}

void ConversationPlaces::keep(std::uint64_t conversation, int place) {
    if (const auto found = m_places.find(conversation); found != m_places.end()) {
        found->second->second = place;
        m_order.splice(m_order.begin(), m_order, found->second);
        return;
    }
    if (m_order.size() >= m_max) {
        m_places.erase(m_order.back().first);
        m_order.pop_back();
    }
    m_order.emplace_front(conversation, place);
    m_places.emplace(conversation, m_order.begin());
}

} // namespace odysseus::proxy
