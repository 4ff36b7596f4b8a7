// When a model's process leaves in the middle of an answer, llama-server's router appends
// "proxy error: Failed to read connection" to what has come and ends the framing as if all were
// well (upstream tools/server/server-models.cpp, server_http_proxy; the words behind the colon are
// cpp-httplib's to_string(Error)). Whoever passes that on makes half an answer look like a whole
// one.
#pragma once

#include <string>
#include <string_view>

namespace odysseus::proxy {

inline constexpr std::size_t k_router_remark_bytes_max = 96;

// Remembers the end of an answer's content; a value, one for each answer.
class RouterRemark {
  public:
    void feed(std::string_view content);
    // Whether what was fed so far ends with the remark. JSON and event streams never do: they end
    // with a bracket or a new line.
    [[nodiscard]] bool at_end() const;

  private:
    std::string m_tail; // k_router_remark_bytes_max at most
};

// How many bytes of it stand at the end of a piece of content; 0: none.
[[nodiscard]] std::size_t router_remark_bytes(std::string_view content);

// Whether it is all that there is.
[[nodiscard]] bool is_router_remark(std::string_view content);

} // namespace odysseus::proxy
