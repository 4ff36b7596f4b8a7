#include "name_readings.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>

namespace odysseus::models {
namespace {

constexpr std::size_t k_path_parts_max = 32;
constexpr std::size_t k_beginning_bytes_min = 3;
constexpr std::string_view k_suffix = ".gguf";
constexpr std::string_view k_latest = ":latest";

class Readings {
  public:
    void add(std::string_view text) {
        if (text.empty()) return;
        if (std::find(m_list.begin(), m_list.end(), text) == m_list.end())
            m_list.emplace_back(text);
    }
    // The text, and the text without what programs put behind a name.
    void add_with_ends(std::string_view text) {
        add(text);
        const auto low = lowered(text);
        if (low.ends_with(k_suffix)) {
            text.remove_suffix(k_suffix.size());
        } else if (low.ends_with(k_latest)) {
            text.remove_suffix(k_latest.size());
        }
        add(text);
        // Ollama's tags are what others write behind a dash: "qwen3:8b".
        const auto colon = text.rfind(':');
        if (colon == std::string_view::npos || colon == 0) return;
        std::string dashed(text);
        dashed[colon] = '-';
        add(dashed);
    }
    [[nodiscard]] std::vector<std::string> take() { return std::move(m_list); }

  private:
    std::vector<std::string> m_list;
};

} // namespace

std::vector<std::string> name_readings(std::string_view asked) {
    Readings readings;
    readings.add_with_ends(asked);
    std::string path(trimmed(asked));
    std::replace(path.begin(), path.end(), '\\', '/');
    std::string_view rest = path;
    for (std::size_t parts = 0; parts < k_path_parts_max; ++parts) {
        readings.add_with_ends(rest);
        const auto slash = rest.find('/');
        if (slash == std::string_view::npos) break;
        rest.remove_prefix(slash + 1);
    }
    return readings.take();
}

bool begins_name(std::string_view name, std::string_view beginning) {
    return beginning.size() >= k_beginning_bytes_min && name.size() > beginning.size() &&
           same_name(name.substr(0, beginning.size()), beginning) &&
           std::string_view("-_.: ").find(name[beginning.size()]) != std::string_view::npos;
}

} // namespace odysseus::models
