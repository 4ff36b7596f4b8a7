// How many tokens llama-server has worked through, by its own log lines: every three seconds of a
// long answer, and at the end of each ("slot print_timing: ...", b11669). It counts for all clients
// alike and costs nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

namespace odysseus::server {

struct TokenCount {
    std::uint64_t generated = 0;
    std::uint64_t prompt = 0; // read from prompts; what was in the cache is not read again
    bool known = false;       // a line told something; else the counts mean nothing
};

// One thread. What an answer that was cut off had made since its last line is not counted: nobody
// says it.
class TokenMeter {
  public:
    void take(std::string_view line);
    [[nodiscard]] const TokenCount& count() const { return m_count; }

  private:
    static constexpr std::size_t k_answers_max = 512; // under way at one time

    // The process (its port; 0 for one that serves without a router) and its number of the task.
    using Answer = std::pair<std::int64_t, std::int64_t>;
    void made(const Answer& answer, std::uint64_t tokens);

    TokenCount m_count;
    std::map<Answer, std::uint64_t> m_under_way; // counted so far
};

} // namespace odysseus::server
