#include "odysseus/settings/settings_source.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/environment.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/paths.hpp"
#include "odysseus/system/terminal.hpp"

#include <fstream>
#include <sstream>

namespace odysseus::settings {

using system::path_from_utf8;
using system::utf8;

namespace {

constexpr std::uintmax_t k_file_bytes_max = std::uintmax_t{1024} * 1024;

std::string content_of(const std::filesystem::path& path) {
    std::error_code error;
    if (std::filesystem::file_size(path, error) > k_file_bytes_max && !error) {
        throw Error(Fault::usage,
                    system::utf8(path) + " is larger than 1 MiB, so it is no settings file");
    }
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    if (!in)
        throw Error(Fault::usage, system::utf8(path) + " cannot be read; check its permissions");
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
            system::say("note",
                        concat("'", key, "' in ", file, " does nothing; it can be a flag, --", key,
                               ", or an environment variable"));
            continue;
        }
        const auto near = nearest(key, known, 1);
        if (!near.empty()) {
            system::say("note", concat("'", key, "' in ", file,
                                       " is no setting and does nothing; did you mean ",
                                       near.front(), "?"));
        } else {
            log::debug(concat(file, ": '", key, "' is no setting of odysseus"));
        }
    }
}

RawSettings settings_in(const std::filesystem::path& path) {
    std::error_code error;
    const auto kind = std::filesystem::status(path, error).type();
    if (kind == std::filesystem::file_type::not_found || error) return {};
    if (kind != std::filesystem::file_type::regular) {
        throw Error(Fault::usage,
                    system::utf8(path) + " is no file; remove it, or put a JSON file there");
    }
    auto read = settings_from_file(content_of(path), system::utf8(path));
    if (const auto* why = std::get_if<std::string>(&read)) throw Error(Fault::usage, *why);
    auto& settings = std::get<FileSettings>(read);
    tell_unknown_keys(settings.unknown_keys, system::utf8(path));
    return std::move(settings.values);
}

// A file where a folder must be can never become one.
void refuse_file(const RawValue& value) {
    std::error_code error;
    const auto kind = std::filesystem::status(system::path_from_utf8(value.text), error).type();
    if (kind == std::filesystem::file_type::directory ||
        kind == std::filesystem::file_type::not_found || kind == std::filesystem::file_type::none) {
        return;
    }
    throw Error(Fault::usage,
                concat(value.where, " is '", value.text, "' (", origin_name(value.origin),
                       "); it must be a folder, and that is a file"));
}

} // namespace

void refuse_quotes(std::string_view value, std::string_view where) {
    if (value.size() < 2 || (value.back() != '"' && value.back() != '\'')) return;
    if (value.front() == value.back())
        throw Error(Fault::usage,
                    concat(where,
                           ": the quotation marks became a part of the value; leave them out "
                           "(cmd.exe knows only \", and wants set \"NAME=VALUE\")"));
    // "C:\My Models\" arrives as C:\My Models"
    if (value.back() == '"' && value.find('"') + 1 == value.size())
        throw Error(Fault::usage,
                    concat(where, ": the last quotation mark became a part of the value; on "
                                  "Windows, leave out the \\ before it"));
}

std::string absolute_path(const std::string& text, std::string_view where) {
    if (!is_utf8(text)) {
        throw Error(Fault::usage,
                    concat(where, " is no UTF-8; rename the file or folder it names"));
    }
    return system::utf8(std::filesystem::absolute(system::path_from_utf8(text)).lexically_normal());
}

namespace {

// One path, or several of them as PATH has them.
std::string absolute_paths(const std::string& value, const SettingSpec& spec) {
    if (!spec.repeatable) return absolute_path(value, spec.environment);
    std::vector<std::string> all;
    for (const auto part : split(value, system::path_list_separator())) {
        if (!trimmed(part).empty())
            all.push_back(absolute_path(std::string(part), spec.environment));
    }
    return joined(all, "\n");
}

} // namespace

RawSettings settings_from_environment() {
    RawSettings values;
    for (const auto& spec : setting_specs()) {
        auto value = system::environment_value(spec.environment);
        if (!value) continue;
        refuse_quotes(*value, spec.environment);
        if (spec.path) value = absolute_paths(*value, spec);
        values[spec.id] = {std::move(*value), Origin::environment, spec.environment};
    }
    return values;
}

std::filesystem::path home_of(const RawSettings& flags, const RawSettings& environment) {
    for (const auto* source : {&flags, &environment}) {
        if (const auto found = source->find("home"); found != source->end()) {
            return system::path_from_utf8(absolute_path(found->second.text, found->second.where));
        }
    }
    auto folder = system::own_executable().parent_path();
    if (is_utf8(system::utf8(folder))) return folder;
    throw Error(Fault::usage, "the path of the folder that holds the program is no UTF-8; move it, "
                              "or name another HOME with --home DIR");
}

ResolvedSettings resolve_settings(const RawSettings& flags) {
    const auto environment = settings_from_environment();
    const auto home = home_of(flags, environment);
    ResolvedSettings resolved;
    resolved.raw = merged(flags, environment, settings_in(home / "data" / "launcher_config.json"));
    resolved.raw["home"].text = system::utf8(home);
    refuse_file(resolved.raw["home"]);
    auto parsed = parsed_settings(resolved.raw, system::utf8(home));
    if (const auto* why = std::get_if<std::string>(&parsed)) throw Error(Fault::usage, *why);
    resolved.values = std::get<Settings>(std::move(parsed));
    if (resolved.raw["models_dir"].text.empty()) {
        resolved.raw["models_dir"].text = resolved.values.models_dir;
    }
    for (const auto& folder : resolved.values.models_dirs()) {
        auto models_dir = resolved.raw["models_dir"];
        models_dir.text = folder;
        refuse_file(models_dir);
    }
    return resolved;
}

} // namespace odysseus::settings
