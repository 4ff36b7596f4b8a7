// Strict reading of HTTP/1 heads and of chunked framing (RFC 9112). Two readers of one message that
// disagree about where it ends are how requests are smuggled, so whatever has two readings is
// refused here, before anything is forwarded. All views point into the bytes that were given.
#pragma once

#include "odysseus/base/text.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace odysseus::proxy {

constexpr std::size_t k_head_bytes_max = std::size_t{32} * 1024;
constexpr std::size_t k_target_bytes_max = std::size_t{8} * 1024;
constexpr std::size_t k_header_lines_max = 100;
constexpr std::size_t k_trailer_bytes_max = std::size_t{8} * 1024;
constexpr std::size_t k_chunk_line_bytes_max = 256; // size and extensions

struct HeaderLine {
    std::string_view name;
    std::string_view value;
};
using HeaderLines = std::vector<HeaderLine>;

// The first line of that name, whatever its case.
[[nodiscard]] std::optional<std::string_view> header(const HeaderLines& lines,
                                                     std::string_view name);
// Whether a comma list holds the word: Connection, Accept-Encoding, …
[[nodiscard]] bool list_has(std::string_view list, std::string_view word);

enum class Framing { none, length, chunked, until_close };

struct RequestHead {
    std::string_view method;
    std::string_view path;  // encoded, as it came
    std::string_view query; // without the question mark
    bool has_query = false;
    bool http_1_1 = false;
    std::string_view host; // of the Host line or of an absolute target; empty on HTTP/1.0 without
    HeaderLines headers;
    Framing framing = Framing::none;
    std::uint64_t content_length = 0;
    bool keep_alive = false;
    bool expects_continue = false;
};

struct Refusal {
    int status = 400;
    std::string reason; // a sentence for the client
};

// Looks for the end of a head in bytes that arrive piecewise.
struct HeadPending {};
struct HeadEnd {
    std::size_t begin = 0; // behind empty lines that a client may send first
    std::size_t end = 0;   // behind the empty line
};
[[nodiscard]] std::variant<HeadPending, HeadEnd, Refusal> find_head(std::string_view bytes);

// `head`: from its first byte to the empty line and with it.
[[nodiscard]] std::variant<RequestHead, Refusal> parse_request_head(std::string_view head);

struct ResponseHead {
    int status = 0;
    std::string_view reason;
    HeaderLines headers;
    Framing framing = Framing::none;
    std::uint64_t content_length = 0;
    bool keep_alive = false;
};
// Absent: not a head that can be forwarded safely. `to_head`: the answer to a HEAD request.
[[nodiscard]] std::optional<ResponseHead> parse_response_head(std::string_view head, bool to_head);

// Walks over chunked bytes as they arrive, and tells which of them are content.
class ChunkWalker {
  public:
    enum class State { more, done, broken };
    // Takes bytes off the front of `bytes`; returns the next piece of content, empty when there is
    // none in what is left of them. Call it until `bytes` is empty or the state is not `more`.
    [[nodiscard]] std::string_view next(std::string_view& bytes);
    [[nodiscard]] State state() const { return m_state; }

  private:
    enum class Part { size, content, content_end, trailer };
    void take_size_line(char c);
    void take_content_end(char c);
    void take_trailer(char c);

    State m_state = State::more;
    Part m_part = Part::size;
    std::uint64_t m_left = 0; // of the chunk's content, or the size as read so far
    int m_digits = 0;
    bool m_in_extension = false;
    bool m_carriage_return = false;
    std::size_t m_line_bytes = 0;
    std::size_t m_trailer_bytes = 0;
};

} // namespace odysseus::proxy
