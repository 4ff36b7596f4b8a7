#include "saved_arguments.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/builds/build_check.hpp"
#include "odysseus/commands/launched_arguments.hpp"
#include "odysseus/server/argument_rules.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/run_tool.hpp"

#include <nlohmann/json.hpp>

namespace odysseus::commands {
namespace {

constexpr std::size_t k_file_bytes_max = std::size_t{1} << 20;
constexpr std::chrono::seconds k_help_limit{60}; // a virus scanner reads a new program first

std::filesystem::path file_in(const settings::Home& home) {
    return home.data() / "llama_arguments.json";
}

} // namespace

void save_arguments(const settings::Home& home, const std::vector<std::string>& arguments) {
    if (saved_arguments(home) == arguments) return;
    try {
        const auto text =
            nlohmann::json(arguments).dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
        system::write_file_atomically(file_in(home), text + "\n");
    } catch (const Error& error) {
        log::warn(error.what());
    }
}

std::vector<std::string> saved_arguments(const settings::Home& home) {
    const auto text = system::read_file(file_in(home), k_file_bytes_max);
    const auto json = nlohmann::json::parse(text.value_or(""), nullptr, false);
    std::vector<std::string> arguments;
    if (!json.is_array()) return arguments;
    for (const auto& one : json) {
        if (one.is_string()) arguments.push_back(one.get<std::string>());
    }
    return arguments;
}

void try_arguments(const std::filesystem::path& server,
                   const std::vector<std::filesystem::path>& library_folders,
                   const std::vector<std::string>& arguments) {
    if (arguments.empty()) return;
    system::ToolLimits limits;
    limits.deadline = k_help_limit;
    const auto help = system::run_tool({system::utf8(server), "--help"},
                                       builds::loader_environment(server, library_folders), limits);
    const auto unknown = server::unknown_argument(arguments, concat(help.out, "\n", help.err));
    if (!unknown) return;
    const auto now = server::renamed_argument(*unknown);
    throw Error(Fault::usage,
                concat("this build does not take ", *unknown,
                       ", which llama-server is started with",
                       now.empty() ? std::string() : concat(" (write ", now, ")"),
                       "; the build in use stays. Start odysseus once with other arguments behind "
                       "--, or give those to be tried here: odysseus backend ... -- ARGUMENTS"));
}

} // namespace odysseus::commands
