#include "ollama_options.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace odysseus::proxy {
namespace {

struct Option {
    std::string_view theirs;
    std::string_view ours;
    bool whole = false;
};
constexpr std::array<Option, 14> k_options{{
    {"temperature", "temperature"},
    {"top_p", "top_p"},
    {"min_p", "min_p"},
    {"typical_p", "typical_p"},
    {"repeat_penalty", "repeat_penalty"},
    {"presence_penalty", "presence_penalty"},
    {"frequency_penalty", "frequency_penalty"},
    {"mirostat_tau", "mirostat_tau"},
    {"mirostat_eta", "mirostat_eta"},
    {"top_k", "top_k", true},
    {"repeat_last_n", "repeat_last_n", true},
    {"seed", "seed", true},
    {"mirostat", "mirostat", true},
    {"num_keep", "n_keep", true},
}};

constexpr std::size_t k_told_max = 16;
constexpr std::size_t k_told_bytes_max = 32;

// Its name goes into a header line of the answer.
bool may_be_told(std::string_view name) {
    return name.size() <= k_told_bytes_max && std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
           });
}

// JavaScript and YAML write 40 as 40.0.
std::int64_t whole_number(const OllamaJson& value, std::string_view name) {
    constexpr double k_exact = 9007199254740992.0; // 2^53
    if (value.is_number_integer()) return value.get<std::int64_t>();
    if (value.is_number_float()) {
        const auto number = value.get<double>();
        if (std::abs(number) <= k_exact && number == std::floor(number))
            return static_cast<std::int64_t>(number);
    }
    refuse_field(concat("options.", name), "a whole number");
}

OllamaJson stop_words(const OllamaJson& value) {
    if (value.is_string()) return OllamaJson::array({value});
    const bool texts =
        value.is_array() &&
        std::all_of(value.begin(), value.end(), [](const auto& one) { return one.is_string(); });
    if (!texts) refuse_field("options.stop", "a list of strings");
    return value;
}

} // namespace

std::vector<std::string> add_options(OllamaJson& options, std::string_view limit, OllamaJson& out) {
    if (!options.is_object()) refuse_field("options", "an object");
    std::vector<std::string> told;
    for (const auto& [name, value] : options.items()) {
        if (value.is_null()) continue;
        const auto known = std::find_if(k_options.begin(), k_options.end(),
                                        [&](const Option& one) { return one.theirs == name; });
        if (known != k_options.end() && known->whole) {
            const auto number = whole_number(value, name);
            if (name == "repeat_last_n" && number < 0) { // the whole context
                told.push_back(name);
            } else {
                out[std::string(known->ours)] = number;
            }
        } else if (known != k_options.end()) {
            if (!value.is_number()) refuse_field(concat("options.", name), "a number");
            out[std::string(known->ours)] = value;
        } else if (name == "stop") {
            out["stop"] = stop_words(value);
        } else if (name == "num_predict") {
            // 0 and below: as many as there is room for.
            if (const auto tokens = whole_number(value, name); tokens > 0)
                out[std::string(limit)] = tokens;
        } else if (may_be_told(name) && told.size() < k_told_max) {
            told.push_back(name);
        }
    }
    return told;
}

} // namespace odysseus::proxy
