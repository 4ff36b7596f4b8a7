#include "llama_config.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/server/foreign_config.hpp"
#include "odysseus/system/environment.hpp"
#include "odysseus/system/files.hpp"

namespace odysseus::commands {
namespace {

constexpr std::size_t k_config_bytes_max = std::size_t{1} << 20;

std::string config_path(hardware::Os os) {
    if (os != hardware::Os::windows) return "/etc/llama.cpp/config.ini";
    const auto folder = system::environment_value("PROGRAMDATA");
    return concat(folder.value_or("C:\\ProgramData"), "\\llama.cpp\\config.ini");
}

} // namespace

std::optional<LlamaConfig> system_llama_config(hardware::Os os) {
    LlamaConfig config;
    config.path = config_path(os);
    const auto path = system::path_from_utf8(config.path);
    std::error_code error;
    if (!std::filesystem::exists(path, error)) return std::nullopt;
    config.holding =
        server::settings_that_hold(system::read_file(path, k_config_bytes_max).value_or(""));
    return config;
}

} // namespace odysseus::commands
