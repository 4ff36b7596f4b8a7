// The events of a stream of server-sent events, as they arrive.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace odysseus::proxy {

class EventLines {
  public:
    static constexpr std::size_t k_event_bytes_max = std::size_t{4} * 1024 * 1024;

    void feed(std::string_view bytes) { m_bytes.append(bytes); }
    // The data of the next event that is whole; absent: more has to come, or the stream is broken.
    [[nodiscard]] std::optional<std::string> next();
    // A line that no event stream has, or an event without end.
    [[nodiscard]] bool broken() const { return m_broken; }
    // An event that has begun and not ended.
    [[nodiscard]] bool in_event() const { return m_at < m_bytes.size() || m_has_data; }

  private:
    [[nodiscard]] std::optional<std::string_view> line();
    void take(std::string_view line);

    std::string m_bytes;
    std::size_t m_at = 0; // what is before it is used
    std::string m_data;
    bool m_has_data = false;
    bool m_broken = false;
};

} // namespace odysseus::proxy
