#include "odysseus/io/settings_source.hpp"

#include "odysseus/error.hpp"
#include "odysseus/io/terminal.hpp"
#include "odysseus/log.hpp"
#include "odysseus/logic/text.hpp"
#include "odysseus/platform/paths.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace odysseus::io {
namespace {

constexpr std::uintmax_t k_file_bytes_max = std::uintmax_t{1024} * 1024;

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

// The file is shared with other launchers, so a key of theirs is no fault; one that looks like ours
// is a slip that would otherwise pass in silence.
void tell_unknown_keys(const std::vector<std::string>& keys, const std::string& file) {
    std::vector<std::string> known;
    for (const auto& spec : setting_specs()) {
        if (spec.file_key != nullptr) known.emplace_back(spec.file_key);
    }
    for (const auto& key : keys) {
        if (key == "home" || key == "hardware") {
            say("note", cat("'", key, "' in ", file, " does nothing; it can be a flag, --", key,
                            ", or an environment variable"));
            continue;
        }
        const auto near = nearest(key, known, 1);
        if (!near.empty()) {
            say("note", cat("'", key, "' in ", file,
                            " is no setting and does nothing; did you mean ", near.front(), "?"));
        } else {
            log::debug(cat(file, ": '", key, "' is no setting of odysseus"));
        }
    }
}

RawSettings settings_in(const std::filesystem::path& path) {
    std::error_code error;
    const auto kind = std::filesystem::status(path, error).type();
    if (kind == std::filesystem::file_type::not_found || error) return {};
    if (kind != std::filesystem::file_type::regular) {
        throw Error(Fault::usage,
                    path.string() + " is no file; remove it, or put a JSON file there");
    }
    auto read = settings_from_file(content_of(path), path.string());
    if (const auto* why = std::get_if<std::string>(&read)) throw Error(Fault::usage, *why);
    auto& settings = std::get<FileSettings>(read);
    tell_unknown_keys(settings.unknown_keys, path.string());
    return std::move(settings.values);
}

// A file where a folder must be can never become one.
void refuse_file(const RawValue& value) {
    std::error_code error;
    const auto kind = std::filesystem::status(value.text, error).type();
    if (kind == std::filesystem::file_type::directory ||
        kind == std::filesystem::file_type::not_found || kind == std::filesystem::file_type::none) {
        return;
    }
    throw Error(Fault::usage,
                cat(value.where, " is '", value.text, "' (", origin_name(value.origin),
                    "); it must be a folder, and that is a file"));
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
    ResolvedSettings resolved;
    resolved.raw = merged(flags, environment, settings_in(home / "data" / "launcher_config.json"));
    resolved.raw["home"].text = home.string();
    refuse_file(resolved.raw["home"]);
    auto parsed = parsed_settings(resolved.raw, home.string());
    if (const auto* why = std::get_if<std::string>(&parsed)) throw Error(Fault::usage, *why);
    resolved.values = std::get<Settings>(std::move(parsed));
    if (resolved.raw["models_dir"].text.empty()) {
        resolved.raw["models_dir"].text = resolved.values.models_dir;
    }
    auto models_dir = resolved.raw["models_dir"];
    models_dir.text = resolved.values.models_dir;
    refuse_file(models_dir);
    return resolved;
}

} // namespace odysseus::io
