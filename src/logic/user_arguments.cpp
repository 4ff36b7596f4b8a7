#include "odysseus/logic/user_arguments.hpp"

#include "odysseus/logic/text.hpp"

#include <initializer_list>
#include <string_view>

namespace odysseus {
namespace {

// The last value given for one of `names`, as "--name value" or "--name=value".
std::optional<std::string> value_of(const std::vector<std::string>& arguments,
                                    std::initializer_list<std::string_view> names) {
    std::optional<std::string> value;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view word = arguments[i];
        for (const auto name : names) {
            if (word == name && i + 1 < arguments.size()) value = arguments[i + 1];
            if (word.starts_with(name) && word.substr(name.size()).starts_with('=')) {
                value = std::string(word.substr(name.size() + 1));
            }
        }
    }
    return value;
}

std::optional<CacheType> cache_type(const std::optional<std::string>& text) {
    return text ? cache_type_from(lowered(*text)) : std::nullopt;
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
    return answer;
}

} // namespace odysseus
