#include "odysseus/server/token_meter.hpp"

#include "odysseus/base/text.hpp"

#include <optional>

namespace odysseus::server {
namespace {

// The number behind `key` and spaces.
std::optional<std::int64_t> number_after(std::string_view text, std::string_view key) {
    const auto at = text.find(key);
    if (at == std::string_view::npos) return std::nullopt;
    text.remove_prefix(at + key.size());
    while (!text.empty() && text.front() == ' ')
        text.remove_prefix(1);
    const auto number = parsed_int(text.substr(0, text.find_first_not_of("0123456789")));
    return number && *number >= 0 ? number : std::nullopt;
}

// "... = 4.08 ms / 4 tokens (...": the 4.
std::optional<std::int64_t> tokens_in(std::string_view text) {
    const auto slash = text.find(" ms / ");
    if (slash == std::string_view::npos) return std::nullopt;
    const auto rest = text.substr(slash);
    if (rest.find(" tokens (") == std::string_view::npos) return std::nullopt; // of "total time"
    return number_after(rest, " ms / ");
}

} // namespace

void TokenMeter::made(const Answer& answer, std::uint64_t tokens) {
    if (m_under_way.size() >= k_answers_max && m_under_way.count(answer) == 0) m_under_way.clear();
    auto& before = m_under_way[answer];
    if (tokens < before) before = 0; // another process with the same port and number
    m_count.generated += tokens - before;
    before = tokens;
    m_count.known = true;
}

void TokenMeter::take(std::string_view line) {
    const auto mark = line.find(" | task ");
    if (mark == std::string_view::npos) return;
    const auto task = number_after(line, " | task ");
    if (!task) return; // "task -1": no answer yet
    const Answer answer{line.starts_with('[') ? number_after(line, "[").value_or(0) : 0, *task};
    const auto bar = line.find(" | ", mark + 3);
    const auto said = bar == std::string_view::npos ? std::string_view() : line.substr(bar + 3);

    if (const auto so_far =
            said.starts_with("n_gen =") ? number_after(said, "n_gen =") : std::nullopt) {
        made(answer, static_cast<std::uint64_t>(*so_far));
    } else if (said.starts_with("prompt eval time =")) {
        if (const auto read = tokens_in(said)) {
            m_count.prompt += static_cast<std::uint64_t>(*read);
            m_count.known = true;
        }
    } else if (trimmed(said).starts_with("eval time =")) {
        if (const auto all = tokens_in(said)) made(answer, static_cast<std::uint64_t>(*all));
        m_under_way.erase(answer);
    } else if (said.starts_with("stop processing")) {
        m_under_way.erase(answer);
    }
}

} // namespace odysseus::server
