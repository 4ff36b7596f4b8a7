#include "odysseus/server/user_arguments.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/server/argument_rules.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string_view>

namespace odysseus::server {
namespace {

// The last value given for one of `names`, as "--name value" or "--name=value".
std::optional<std::string> value_of(const std::vector<std::string>& arguments,
                                    std::initializer_list<std::string_view> names) {
    std::optional<std::string> value;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const auto word = argument_word(arguments[i]);
        for (const auto name : names) {
            if (word == name && i + 1 < arguments.size()) value = arguments[i + 1];
            if (word.starts_with(name) && word.substr(name.size()).starts_with('=')) {
                value = word.substr(name.size() + 1);
            }
        }
    }
    return value;
}

constexpr std::array<std::string_view, 2> k_context_names = {"-c", "--ctx-size"};
constexpr std::array<std::string_view, 17> k_buffer_names = {"-b",
                                                             "--batch-size",
                                                             "-ub",
                                                             "--ubatch-size",
                                                             "-fa",
                                                             "--flash-attn",
                                                             "--swa-full",
                                                             "-sm",
                                                             "--split-mode",
                                                             "-ts",
                                                             "--tensor-split",
                                                             "-md",
                                                             "--model-draft",
                                                             "--spec-type",
                                                             "--mmproj",
                                                             "-np",
                                                             "--parallel"};

std::optional<memory::CacheType> cache_type(const std::optional<std::string>& text) {
    return text ? memory::cache_type_from(lowered(*text)) : std::nullopt;
}

// Of "HOST:PORT,HOST:PORT".
std::string beyond_loopback(std::string_view servers) {
    std::vector<std::string> foreign;
    for (const auto server : split(servers, ',')) {
        const auto host = trimmed(server.substr(0, server.rfind(':')));
        if (!host.empty() && host != "localhost" && !host.starts_with("127."))
            foreign.emplace_back(trimmed(server));
    }
    return joined(foreign, ", ");
}

} // namespace

UserArguments user_arguments(const std::vector<std::string>& arguments) {
    UserArguments answer;
    answer.key_type = cache_type(value_of(arguments, {"--cache-type-k", "-ctk"}));
    answer.value_type = cache_type(value_of(arguments, {"--cache-type-v", "-ctv"}));
    if (const auto text = value_of(arguments, {"--models-max"})) {
        const auto number = parsed_int(*text);
        if (number && *number >= 0) answer.models_max = static_cast<std::size_t>(*number);
    }
    if (const auto text = value_of(arguments, {k_context_names[0], k_context_names[1]})) {
        const auto number = parsed_int(*text);
        if (number && *number > 0) answer.context = number;
    }
    answer.foreign_rpc = beyond_loopback(value_of(arguments, {"--rpc"}).value_or(""));
    answer.changes_buffers =
        std::any_of(arguments.begin(), arguments.end(), [](const std::string& argument) {
            const auto word = argument_word(argument);
            const auto name = word.substr(0, word.find('='));
            return std::find(k_buffer_names.begin(), k_buffer_names.end(), name) !=
                   k_buffer_names.end();
        });
    return answer;
}

std::vector<std::string> arguments_for_context(const std::vector<std::string>& arguments,
                                               std::int64_t tokens) {
    const auto asked = user_arguments(arguments).context;
    if (!asked || *asked == tokens) return arguments;
    std::vector<std::string> kept;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const auto word = argument_word(arguments[i]);
        const auto name = word.substr(0, word.find('='));
        if (std::find(k_context_names.begin(), k_context_names.end(), name) ==
            k_context_names.end()) {
            kept.push_back(arguments[i]);
        } else if (name == word) {
            ++i; // its value
        }
    }
    return kept;
}

} // namespace odysseus::server
