// The event that llama-server can leave out at the beginning of a stream of Anthropic's messages.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

namespace odysseus::proxy {

// The first event has not come yet. The first `may_pass` bytes, comments and pings, need not be
// held.
struct AwaitFirstEvent {
    std::size_t may_pass = 0;
};
struct PassUnchanged {};
struct InsertMessageStart {
    std::size_t at = 0; // in what was given
    std::string bytes;
};
using MessageStartVerdict = std::variant<AwaitFirstEvent, PassUnchanged, InsertMessageStart>;

struct MessageIdentity {
    std::string_view id;
    std::string_view model;
};

// A first event that is no longer than this is recognised; a longer one is passed on unchanged.
inline constexpr std::size_t k_first_event_max_bytes = 64 * 1024;

// `beginning` is the content (after the chunked framing) of an event stream that answers
// `POST /v1/messages`: from its first byte, or from behind what was passed on before. When the
// stream ends while the first event is awaited, what was held is passed on unchanged.
[[nodiscard]] MessageStartVerdict judge_message_start(std::string_view beginning,
                                                      const MessageIdentity& identity);

} // namespace odysseus::proxy
