// Finds the model's name where it stands in a request's JSON body, so that those bytes alone can be
// replaced. No tree of the body is built: what costs is one pass over the bytes, and inside strings
// that pass is memchr's (a picture of 20 MB is one string).
#pragma once

#include <bitset>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace odysseus::proxy {

// [begin, end) of the bytes of a body.
struct ByteRange {
    std::size_t begin = 0;
    std::size_t end = 0;
};

// Bytes of a body that are to be replaced; an empty range inserts.
struct ByteEdit {
    ByteRange range;
    std::string text;
};

// What one pass over a body tells.
struct BodyFacts {
    // One complete JSON object, and not nested too deeply; nothing below means anything otherwise.
    bool json_object = false;
    // A top-level key `model` is there. Of several the last one counts, as for llama-server.
    bool has_model = false;
    // Its value with the quotes, when it is a string; or null.
    std::optional<ByteRange> model;
    // Top-level `"stream": true`.
    bool stream = false;
    // Behind the opening brace: where a member could be inserted, and whether others follow.
    std::size_t insert_at = 0;
    bool empty_object = false;
};

// Scans a body that grows. Feed it the whole body so far, each time at least as long as before;
// it goes on where it stopped.
class JsonScanner {
  public:
    void feed(std::string_view body_so_far);
    // After the last feed of the complete body.
    [[nodiscard]] BodyFacts finish(std::string_view body);

  private:
    enum class Expect {
        start,
        value,
        first_key_or_end,
        key,
        colon,
        comma_or_end,
        first_value_or_end,
        nothing,
        broken,
    };
    enum class Member { other, model, stream };

    [[nodiscard]] bool step(std::string_view body, bool complete);
    [[nodiscard]] bool scan_start(std::string_view body, bool complete);
    [[nodiscard]] bool scan_string(std::string_view body);
    [[nodiscard]] bool scan_escape(std::string_view body);
    [[nodiscard]] bool scan_scalar(std::string_view body, bool complete);
    void structural(char c);
    void open(bool object);
    void close();
    void key_ends(std::string_view raw);
    void value_ends();
    void run(std::string_view body, bool complete);

    static constexpr std::size_t k_depth_max = 512;
    std::bitset<k_depth_max> m_is_object; // for each level that is open
    std::size_t m_depth = 0;
    std::size_t m_at = 0;       // the next byte to look at
    std::size_t m_token = 0;    // where the string that is being read began
    std::size_t m_quote_at = 0; // no quote before it
    bool m_in_string = false;
    bool m_in_key = false;
    Expect m_expect = Expect::start;
    Member m_member = Member::other; // which top-level member the value belongs to
    BodyFacts m_facts;
};

// The text of a JSON string given with its quotes; absent when it is not one that is well formed.
[[nodiscard]] std::optional<std::string> json_string_text(std::string_view quoted);
// A JSON string with its quotes.
[[nodiscard]] std::string json_quoted(std::string_view text);

// The edit that makes `model` of the body the id: in place of the name, or as a new first member.
[[nodiscard]] ByteEdit model_edit(const BodyFacts& facts, std::string_view id);
// The body with the edit applied (tests; the proxy sends the three pieces without joining them).
[[nodiscard]] std::string edited(std::string_view body, const ByteEdit& edit);

} // namespace odysseus::proxy
