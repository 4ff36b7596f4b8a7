// llama-server's answers as Ollama's: lines of JSON while they come, or one object.
#pragma once

#include "event_lines.hpp"
#include "ollama_request.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::proxy {

struct OllamaTimes {
    std::int64_t now_ns = 0;   // since 1970
    std::int64_t total_ns = 0; // since the request began
};

// "2026-11-26T19:06:44.123456789Z"
[[nodiscard]] std::string rfc3339(std::int64_t since_1970_ns);

// What both kinds of answers are made from.
struct OllamaProgress {
    std::string text;
    std::string thinking;
    OllamaJson logprobs = OllamaJson::array();
    std::string finish; // llama-server's reason
    std::int64_t prompt_tokens = 0;
    std::int64_t prompt_ns = 0;
    std::int64_t answer_tokens = 0;
    std::int64_t answer_ns = 0;
};

// The calls of tools in an answer: their arguments come in pieces.
class OllamaToolCalls {
  public:
    static constexpr std::size_t k_bytes_max = std::size_t{4} * 1024 * 1024;
    static constexpr std::size_t k_calls_max = 128;

    // False: that is no list of calls, or more than may be.
    [[nodiscard]] bool take(const OllamaJson& calls);
    // Those whose arguments are a JSON object; one that the end of the answer cut off is left out.
    // Absent: one has other arguments although the answer is whole.
    [[nodiscard]] std::optional<OllamaJson> all(bool cut_off) const;

  private:
    [[nodiscard]] bool take_one(const OllamaJson& call, std::size_t place);

    struct Call {
        std::string name;
        std::string arguments;
    };
    std::vector<Call> m_calls;
    std::size_t m_bytes = 0;
};

// A streamed answer. It keeps nothing but an event that is not whole and the calls of tools.
class OllamaStream {
  public:
    OllamaStream(const OllamaCall& call, std::string model);

    // The client's lines of what has come. After the last one nothing more is given.
    [[nodiscard]] std::string feed(std::string_view bytes, const OllamaTimes& times);
    // llama-server's answer has ended, `whole` or in the middle.
    [[nodiscard]] std::string finish(bool whole, const OllamaTimes& times);
    [[nodiscard]] bool ended() const { return m_ended; }
    [[nodiscard]] bool failed() const { return m_failed; }

  private:
    [[nodiscard]] std::string event(const std::string& data, const OllamaTimes& times);
    [[nodiscard]] std::string last_lines(const OllamaTimes& times);
    [[nodiscard]] std::string fail(std::string_view message);

    const OllamaCall& m_call;
    const std::string m_model;
    EventLines m_events;
    OllamaProgress m_progress; // the text of one event, the rest of all
    OllamaToolCalls m_tools;
    std::int64_t m_first_ns = 0;
    bool m_ended = false;
    bool m_failed = false;
};

// An answer that came whole, errors too.
struct OllamaAnswer {
    int status = 200;
    std::string body;
};
[[nodiscard]] OllamaAnswer ollama_answer(const OllamaCall& call, std::string_view model, int status,
                                         std::string_view body, const OllamaTimes& times);

// A line that says nothing, while a stream waits.
[[nodiscard]] std::string ollama_sign(const OllamaCall& call, std::string_view model,
                                      std::int64_t now_ns);

} // namespace odysseus::proxy
