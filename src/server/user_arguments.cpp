#include "odysseus/server/user_arguments.hpp"

#include "odysseus/base/text.hpp"

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

constexpr std::array<std::string_view, 2> k_context_names = {"-c", "--ctx-size"};

std::optional<memory::CacheType> cache_type(const std::optional<std::string>& text) {
    return text ? memory::cache_type_from(lowered(*text)) : std::nullopt;
}

// llama-server's arguments (its --help, b11669) that end what odysseus relies on: where it listens,
// its key, router mode and the models folder that both look into.
struct Conflict {
    std::initializer_list<std::string_view> names;
    const char* instead;
};
const Conflict k_conflicts[] = {
    {{"--host", "--reuse-port"},
     "llama-server listens for odysseus alone, and asks nobody for a key; clients come to the "
     "address that --host ADDRESS names before the --"},
    {{"--no-models-autoload"}, "odysseus relies on it that a request loads its model"},
    {{"--log-disable", "--log-jsonl"},
     "odysseus reads llama-server's log, to see what it runs out of"},
    {{"--port"}, "odysseus tells llama-server its port; name one with --llama-port N"},
    {{"--api-key", "--api-key-file"},
     "odysseus is the one that asks for keys; give it --api-key KEY before the --"},
    {{"--models-dir"}, "odysseus must look there too; give it --models-dir DIR before the --"},
    {{"-m", "--model", "-mu", "--model-url", "-hf", "-hfr", "--hf-repo", "-dr", "--docker-repo"},
     "llama-server would serve that one model alone; put it into the models folder, or fetch it "
     "with odysseus pull NAME"},
    {{"--api-prefix", "--ssl-key-file", "--ssl-cert-file"},
     "odysseus would not find llama-server any more; put a web server in front of odysseus "
     "instead"},
};

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
    return answer;
}

std::vector<std::string> arguments_for_context(const std::vector<std::string>& arguments,
                                               std::int64_t tokens) {
    const auto asked = user_arguments(arguments).context;
    if (!asked || *asked == tokens) return arguments;
    std::vector<std::string> kept;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view word = arguments[i];
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

std::optional<std::string> conflicting_argument(const std::vector<std::string>& arguments) {
    for (const std::string_view argument : arguments) {
        const auto word = argument.substr(0, argument.find('='));
        for (const auto& conflict : k_conflicts) {
            for (const auto name : conflict.names) {
                if (word == name)
                    return concat(
                        name, " cannot be among llama-server's own arguments: ", conflict.instead);
            }
        }
    }
    return std::nullopt;
}

} // namespace odysseus::server
