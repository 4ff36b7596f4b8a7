#include "ollama_pull.hpp"

#include "odysseus/base/text.hpp"
#include "ollama_request.hpp"

namespace odysseus::proxy {

std::variant<std::string, OllamaRefusal> ollama_pull_name(std::string_view asked) {
    constexpr std::size_t k_shown_max = 200;
    auto name = without_latest(asked).value_or(asked);
    if (name.find("://") != std::string_view::npos) return std::string(name);
    for (const std::string_view host : {"hf.co/", "huggingface.co/", "www.huggingface.co/"}) {
        if (same_name(name.substr(0, host.size()), host)) name.remove_prefix(host.size());
    }
    if (name.find('/') == std::string_view::npos)
        return OllamaRefusal{404, concat("odysseus does not fetch from Ollama's library, where ",
                                         name.substr(0, k_shown_max),
                                         " may be; name a repository of Hugging Face, as in "
                                         "hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M")};
    return std::string(name);
}

std::string ollama_pull_line(const OllamaPullState& state) {
    OllamaJson line{{"status", state.status}};
    if (!state.digest.empty()) line["digest"] = state.digest;
    if (state.total) line["total"] = *state.total;
    if (state.completed) line["completed"] = *state.completed;
    return line.dump(-1, ' ', false, OllamaJson::error_handler_t::replace) + "\n";
}

OllamaPullState ollama_pull_file(const std::optional<std::string>& sha256,
                                 std::string_view file_name, std::optional<std::int64_t> total) {
    constexpr std::size_t k_short = 12;
    OllamaPullState state;
    state.status = concat("pulling ", sha256 ? sha256->substr(0, k_short) : std::string(file_name));
    state.digest = sha256 ? "sha256:" + *sha256 : std::string(file_name);
    state.total = total;
    return state;
}

} // namespace odysseus::proxy
