#include "odysseus/io/settings_source.hpp"

#include "odysseus/error.hpp"
#include "odysseus/log.hpp"
#include "odysseus/logic/text.hpp"
#include "odysseus/platform/paths.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace odysseus::io {
namespace {

constexpr std::uintmax_t k_file_bytes_max = 1024 * 1024;

std::string content_of(const std::filesystem::path& path) {
    std::error_code error;
    if (std::filesystem::file_size(path, error) > k_file_bytes_max && !error) {
        throw Error(Fault::usage,
                    path.string() + " is larger than 1 MiB, so it is no settings file");
    }
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    if (!in) throw Error(Fault::usage, path.string() + " cannot be read; check its permissions");
    return text.str();
}

} // namespace

RawSettings settings_from_environment() {
    RawSettings values;
    for (const auto& spec : setting_specs()) {
        const char* text = std::getenv(spec.environment);
        if (text == nullptr || *text == '\0') continue;
        std::string value = text;
        if (std::string_view(spec.id) == "models_dir" ||
            std::string_view(spec.id) == "llama_server" ||
            std::string_view(spec.id) == "hardware") {
            value = std::filesystem::absolute(value).lexically_normal().string();
        }
        values[spec.id] = {std::move(value), Origin::environment, spec.environment};
    }
    return values;
}

std::filesystem::path home_of(const RawSettings& flags, const RawSettings& environment) {
    for (const auto* source : {&flags, &environment}) {
        if (const auto found = source->find("home"); found != source->end()) {
            return std::filesystem::absolute(found->second.text).lexically_normal();
        }
    }
    return platform::own_executable().parent_path();
}

ResolvedSettings resolve_settings(const RawSettings& flags) {
    const auto environment = settings_from_environment();
    const auto home = home_of(flags, environment);
    RawSettings file;
    const auto path = home / "data" / "launcher_config.json";
    std::error_code error;
    if (std::filesystem::is_regular_file(path, error)) {
        auto read = settings_from_file(content_of(path), path.string());
        if (const auto* why = std::get_if<std::string>(&read)) throw Error(Fault::usage, *why);
        auto& settings = std::get<FileSettings>(read);
        for (const auto& key : settings.unknown_keys) {
            log::debug(cat(path.string(), ": '", key, "' is no setting of odysseus"));
        }
        file = std::move(settings.values);
    }
    ResolvedSettings resolved;
    resolved.raw = merged(flags, environment, file);
    if (resolved.raw["home"].text.empty()) resolved.raw["home"].text = home.string();
    auto parsed = parsed_settings(resolved.raw, home.string());
    if (const auto* why = std::get_if<std::string>(&parsed)) throw Error(Fault::usage, *why);
    resolved.values = std::get<Settings>(std::move(parsed));
    if (resolved.raw["models_dir"].text.empty()) {
        resolved.raw["models_dir"].text = resolved.values.models_dir;
    }
    return resolved;
}

} // namespace odysseus::io
