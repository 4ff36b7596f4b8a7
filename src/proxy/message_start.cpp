#include "message_start.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

namespace odysseus::proxy {
namespace {

// The events of a message that may come only after its message_start.
bool needs_message_start(std::string_view type) {
    static constexpr std::array<std::string_view, 5> k_types{
        "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
        "message_stop"};
    return std::find(k_types.begin(), k_types.end(), type) != k_types.end();
}

std::string type_in(const std::string& data) {
    const auto json = nlohmann::json::parse(data, nullptr, false);
    if (!json.is_object()) return {};
    const auto type = json.find("type");
    return type != json.end() && type->is_string() ? type->get<std::string>() : std::string();
}

// The shape is llama-server's own. The counts of the prompt are not known here: an answer that
// lacks this event does not tell them.
std::string message_start_event(const MessageIdentity& identity) {
    using Json = nlohmann::ordered_json;
    const Json usage = {{"cache_read_input_tokens", 0}, {"input_tokens", 0}, {"output_tokens", 0}};
    const Json message = {{"id", identity.id},        {"type", "message"},
                          {"role", "assistant"},      {"content", Json::array()},
                          {"model", identity.model},  {"stop_reason", nullptr},
                          {"stop_sequence", nullptr}, {"usage", usage}};
    const Json data = {{"type", "message_start"}, {"message", message}};
    return "event: message_start\ndata: " +
           data.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n\n";
}

// The lines of server-sent events until the first event that tells what it is.
class FirstEvent {
  public:
    explicit FirstEvent(std::string_view text) : m_text(text) {}

    // Absent: it has not come.
    [[nodiscard]] std::optional<std::string> type() {
        while (const auto line = next_line()) {
            if (auto found = type_by(*line)) return found;
        }
        return std::nullopt;
    }
    // Where it begins: behind comments and pings.
    [[nodiscard]] std::size_t begin() const { return m_begin; }

  private:
    [[nodiscard]] std::optional<std::string_view> next_line() {
        const auto end = m_text.find('\n', m_at);
        if (end == std::string_view::npos) return std::nullopt;
        auto line = m_text.substr(m_at, end - m_at);
        m_at = end + 1;
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        return line;
    }

    [[nodiscard]] std::optional<std::string> type_by(std::string_view line) {
        if (line.empty()) return end_of_event();
        if (line.front() == ':') {
            if (m_is_new) m_begin = m_at;
            return std::nullopt;
        }
        m_is_new = false;
        const auto colon = std::min(line.find(':'), line.size());
        const auto field = line.substr(0, colon);
        auto value = line.substr(std::min(colon + 1, line.size()));
        if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
        if (field == "data") {
            m_data.append(value).push_back('\n');
        } else if (field == "event") {
            m_is_ping = value == "ping";
            if (!m_is_ping) return std::string(value);
        } else if (field != "id" && field != "retry") {
            return std::string(); // not an event stream
        }
        return std::nullopt;
    }

    // An event without a name has its type in its data.
    [[nodiscard]] std::optional<std::string> end_of_event() {
        if (!m_is_ping && !m_data.empty()) {
            auto type = type_in(m_data);
            if (type != "ping") return type;
        }
        m_begin = m_at;
        m_is_new = true;
        m_is_ping = false;
        m_data.clear();
        return std::nullopt;
    }

    std::string_view m_text;
    std::size_t m_at = 0;
    std::size_t m_begin = 0;
    bool m_is_new = true; // no field of the event has come
    bool m_is_ping = false;
    std::string m_data;
};

} // namespace

MessageStartVerdict judge_message_start(std::string_view beginning,
                                        const MessageIdentity& identity) {
    FirstEvent event(beginning);
    const auto type = event.type();
    if (!type) {
        if (beginning.size() - event.begin() > k_first_event_max_bytes) return PassUnchanged{};
        return AwaitFirstEvent{event.begin()};
    }
    if (!needs_message_start(*type)) return PassUnchanged{};
    return InsertMessageStart{event.begin(), message_start_event(identity)};
}

} // namespace odysseus::proxy
