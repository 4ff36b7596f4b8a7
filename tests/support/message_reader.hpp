// Reads one HTTP/1.1 message as strictly as curl does, and shares no code with the product. A wrong
// chunk size, a missing CRLF, a body that is shorter than announced: each throws BadHttp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace odysseus::test {

struct BadHttp : std::runtime_error {
    using std::runtime_error::runtime_error;
};

enum class MessageKind { request, answer, answer_to_head };

class MessageReader {
  public:
    explicit MessageReader(MessageKind kind) : m_kind(kind) {}
    // Takes what belongs to the message off the front of `bytes`: nothing more once it is whole.
    void feed(std::string_view& bytes);
    // The other side sent its last byte: right in place of a body without a length only.
    void end();
    [[nodiscard]] bool whole() const { return m_part == Part::done; }
    [[nodiscard]] bool begun() const { return !m_raw.empty(); }
    [[nodiscard]] const std::string& raw() const { return m_raw; }
    [[nodiscard]] const std::string& content() const { return m_content; } // without the chunks

  private:
    enum class Part { start, lines, length, size, content, content_end, trailer, to_end, done };

    void take_line(std::string_view line);
    void take_start(std::string_view line);
    void take_header(std::string_view line);
    void take_size(std::string_view line);
    void head_complete();
    void take_content(std::string_view& bytes);
    [[noreturn]] void refuse(const std::string& why) const;

    MessageKind m_kind;
    Part m_part = Part::start;
    std::string m_raw; // all of it so far, as it came
    std::string m_content;
    std::string m_line; // the present one, its end not yet seen
    int m_status = 0;
    bool m_has_length = false;
    bool m_chunked = false;
    std::uint64_t m_left = 0;
};

} // namespace odysseus::test
