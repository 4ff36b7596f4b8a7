#include "odysseus/settings/settings.hpp"

#include "odysseus/base/json_fault.hpp"
#include "odysseus/base/text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace odysseus::settings {
namespace {

constexpr std::int64_t k_ctx_least = 256;      // llama.cpp rounds up to a multiple of it
constexpr std::int64_t k_ctx_max = 16'777'216; // far above any trained context
constexpr std::int64_t k_parallel_max = 256;   // llama.cpp's LLAMA_MAX_SEQ
constexpr std::int64_t k_threads_max = 1024;
constexpr std::int64_t k_sse_ping_s_max = 3600;
constexpr std::int64_t k_models_max_max = 64;
constexpr std::int64_t k_idle_unload_min_max = 7 * 24 * 60;

// "NAME=MODEL"; a star stands at the end of NAME or nowhere.
bool is_alias(std::string_view text) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || trimmed(text.substr(equals + 1)).empty()) return false;
    const auto name = trimmed(text.substr(0, equals));
    const auto star = name.find('*');
    return !name.empty() && (star == std::string_view::npos || star + 1 == name.size());
}

// "8192", or "8k" as contexts are often written.
std::optional<std::int64_t> with_thousands(std::string_view text) {
    constexpr std::int64_t k_thousand = 1024;
    const bool short_form = text.ends_with('k') || text.ends_with('K');
    const auto value = parsed_int(text.substr(0, text.size() - (short_form ? 1 : 0)));
    if (!value || !short_form) return value;
    if (*value < 0 || *value > k_ctx_max / k_thousand) return std::nullopt;
    return *value * k_thousand;
}

// Collects the first fault, so that the parsing below reads as a plain list.
class Reader {
  public:
    explicit Reader(const RawSettings& raw) : m_raw(raw) {}

    const std::string& fault() const { return m_fault; }

    const RawValue& at(std::string_view id) const {
        static const RawValue none;
        const auto found = m_raw.find(id);
        return found == m_raw.end() ? none : found->second;
    }
    const std::string& text(std::string_view id) const { return at(id).text; }
    bool asked_for(std::string_view id) const { return at(id).origin != Origin::fallback; }

    void refuse(std::string_view id, std::string_view right) {
        if (!m_fault.empty()) return;
        const auto& value = at(id);
        m_fault = concat(value.where, " is '", value.text, "' (", origin_name(value.origin),
                         "); it must be ", right);
    }

    // Where a part of the value is secret.
    void refuse_unseen(std::string_view id, std::string_view right) {
        if (!m_fault.empty()) return;
        m_fault = concat(at(id).where, " (", origin_name(at(id).origin), ") must be ", right);
    }

    std::int64_t integer(std::string_view id, std::int64_t least, std::int64_t most) {
        const auto value = parsed_int(text(id));
        if (value && *value >= least && *value <= most) return *value;
        refuse(id, concat("a whole number from ", least, " to ", most));
        return least;
    }

    std::optional<std::int64_t> integer_or_auto(std::string_view id, std::int64_t least,
                                                std::int64_t most) {
        if (lowered(text(id)) == "auto") return std::nullopt;
        const auto value = with_thousands(text(id));
        if (value && *value >= least && *value <= most) return value;
        refuse(id, concat(id == "ctx" ? "max, " : "", "auto or a whole number from ", least, " to ",
                          most, id == "ctx" ? " (8k is 8192)" : ""));
        return std::nullopt;
    }

    bool on(std::string_view id) {
        auto word = lowered(text(id));
        for (const char* yes : {"1", "true", "yes", "on"}) {
            if (word == yes) return true;
        }
        for (const char* no : {"0", "false", "no", "off"}) {
            if (word == no) return false;
        }
        refuse(id, "1 or 0");
        return false;
    }

    // One of the table's words.
    std::string one_of(std::string_view id) {
        const auto& specs = setting_specs();
        const auto spec = std::find_if(specs.begin(), specs.end(),
                                       [id](const auto& row) { return id == row.id; });
        const auto words = split(spec->words, ' ');
        auto word = lowered(text(id));
        if (std::find(words.begin(), words.end(), word) == words.end()) {
            std::string list;
            for (const auto& right : words)
                list += concat(list.empty() ? "" : ", ", right);
            refuse(id, "one of " + list);
        }
        return word;
    }

    std::string url(std::string_view id) {
        std::string value = text(id);
        while (!value.empty() && value.back() == '/')
            value.pop_back();
        const bool http = value.starts_with("http://") && value.size() > 7;
        const bool https = value.starts_with("https://") && value.size() > 8;
        if ((!http && !https) || value.find_first_of(" \t\r\n\"") != std::string::npos) {
            refuse(id, "a URL that begins with https:// or http://");
        }
        return value;
    }

    std::vector<std::string> list(std::string_view id) const {
        std::vector<std::string> items;
        for (const auto part : split(text(id), ',')) {
            if (const auto item = trimmed(part); !item.empty()) items.emplace_back(item);
        }
        return items;
    }

  private:
    const RawSettings& m_raw;
    std::string m_fault;
};

bool is_absolute(std::string_view path) {
    if (path.starts_with('/') || path.starts_with('\\')) return true;
    return path.size() > 2 && path[1] == ':' && (path[2] == '/' || path[2] == '\\');
}

// A relative path of the file stands below HOME; one of the command line is already absolute here.
std::string below(std::string_view home, std::string_view name) {
    if (name.empty() || is_absolute(name)) return std::string(name);
    std::string path(home);
    if (path.empty() || path.back() != '/') path += '/';
    return path.append(name);
}

// A scalar of the file as the text that a flag would have; absent for what no setting can be.
std::optional<std::string> scalar_text(const nlohmann::json& value, bool is_switch) {
    if (value.is_string()) return value.get<std::string>();
    if (value.is_boolean())
        return value.get<bool>() ? (is_switch ? "1" : "true") : (is_switch ? "0" : "false");
    if (value.is_number()) return value.dump();
    return std::nullopt;
}

std::optional<std::string> file_text_of(const nlohmann::json& value, const SettingSpec& spec) {
    if (!value.is_array()) return scalar_text(value, spec.value == nullptr);
    if (!spec.repeatable) return std::nullopt;
    std::vector<std::string> items;
    for (const auto& item : value) {
        if (!item.is_string() || trimmed(item.get<std::string>()).empty()) return std::nullopt;
        items.push_back(item.get<std::string>());
    }
    return joined(items, std::string(1, list_separator(spec)));
}

const char* file_value_kind(const SettingSpec& spec) {
    if (spec.repeatable) return "a text or a list of texts";
    return spec.value == nullptr ? "true or false" : "a text or a number";
}

// The names that people and other launchers give to llama.cpp.
bool is_llama(std::string_view backend) {
    const auto name = lowered(backend);
    for (const char* known : {"llama", "llamacpp", "llama.cpp", "llama-cpp", "llama-server"}) {
        if (name == known) return true;
    }
    return false;
}

// The folders that `text` lists, none of them twice; HOME/models where it lists none.
void take_models_dirs(std::string_view text, std::string_view home, Settings& settings) {
    std::vector<std::string> all;
    for (const auto part : split(text, '\n')) {
        if (part.empty()) continue;
        auto path = below(home, part);
        if (std::find(all.begin(), all.end(), path) == all.end()) all.push_back(std::move(path));
    }
    if (all.empty()) all.push_back(below(home, "models"));
    settings.models_dir = all.front();
    settings.more_models_dirs.assign(all.begin() + 1, all.end());
}

} // namespace

bool is_release_name(std::string_view text) {
    constexpr std::size_t k_tag_bytes_max = 64;
    return !text.empty() && text.size() <= k_tag_bytes_max &&
           text.find_first_not_of(
               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
               std::string_view::npos &&
           text.front() != '.' && text.front() != '-';
}

const char* origin_name(Origin origin) {
    switch (origin) {
    case Origin::flag: return "flag";
    case Origin::environment: return "environment";
    case Origin::file: return "file";
    case Origin::fallback: return "default";
    }
    return "default";
}

RawSettings merged(const RawSettings& flags, const RawSettings& environment,
                   const RawSettings& file) {
    RawSettings all;
    for (const auto& spec : setting_specs()) {
        const RawSettings* sources[] = {&flags, &environment, &file};
        const RawValue* value = nullptr;
        for (const auto* source : sources) {
            const auto found = source->find(spec.id);
            if (value == nullptr && found != source->end()) value = &found->second;
        }
        all[spec.id] =
            value != nullptr ? *value : RawValue{spec.fallback, Origin::fallback, "the default"};
    }
    return all;
}

std::variant<FileSettings, std::string> settings_from_file(std::string_view file_text,
                                                           std::string_view file_name) {
    const auto document = nlohmann::json::parse(file_text, nullptr, false);
    if (document.is_discarded()) {
        return concat(file_name, " is not JSON: the mistake is at ", json_fault_place(file_text),
                      "; correct it or remove it");
    }
    if (!document.is_object()) {
        return concat(file_name,
                      " must hold a JSON object, {\"key\": value, ...}; correct it or remove it");
    }
    FileSettings settings;
    for (const auto& [key, value] : document.items()) {
        const auto& specs = setting_specs();
        const auto spec =
            std::find_if(specs.begin(), specs.end(), [&wanted = key](const auto& row) {
                return (row.file_key != nullptr && wanted == row.file_key) ||
                       (row.other_key != nullptr && wanted == row.other_key);
            });
        const bool is_others = spec != specs.end() && key != spec->file_key;
        // Where both names of a setting are there, odysseus's own counts.
        if (is_others && document.contains(spec->file_key)) continue;
        if (spec == specs.end()) {
            settings.unknown_keys.push_back(key);
            continue;
        }
        if (value.is_null()) continue; // as if it were not there
        auto text = file_text_of(value, *spec);
        if (!text) {
            const auto shown = spec->secret ? "of another kind" : value.dump(-1, ' ', true);
            return concat(key, " in ", file_name, " is ", shown, "; it must be ",
                          file_value_kind(*spec));
        }
        settings.values[spec->id] = {std::move(*text), Origin::file,
                                     concat(key, " in ", file_name)};
    }
    return settings;
}

std::variant<Settings, std::string> parsed_settings(const RawSettings& raw, std::string_view home) {
    Reader read(raw);
    Settings s;
    if (!is_llama(read.text("backend")))
        read.refuse("backend", "llama, the one backend that is supported");
    s.ctx_max = lowered(read.text("ctx")) == "max";
    if (!s.ctx_max) s.ctx = read.integer_or_auto("ctx", k_ctx_least, k_ctx_max);
    s.kv = read.one_of("kv");
    s.parallel = static_cast<int>(read.integer("parallel", 1, k_parallel_max));
    const auto threads = read.integer_or_auto("threads", 1, k_threads_max);
    s.threads = threads ? std::optional(static_cast<int>(*threads)) : std::nullopt;

    s.threads_asked_for = read.asked_for("threads");

    s.home = home;
    take_models_dirs(read.text("models_dir"), home, s);
    s.draft = read.one_of("draft") == "auto";
    if (read.asked_for("open")) s.open = read.on("open");
    s.default_model = read.text("default_model");
    s.any_name = read.on("any_name");
    s.aliases = read.list("alias");
    if (!std::all_of(s.aliases.begin(), s.aliases.end(), is_alias)) {
        read.refuse("alias", "NAME=MODEL, with a star at the end of NAME where any ending will do");
    }
    s.per_model_context = read.on("per_model_context");
    const auto models_max = read.integer_or_auto("models_max", 1, k_models_max_max);
    if (models_max) s.models_max = static_cast<int>(*models_max);
    s.idle_unload_min = static_cast<int>(read.integer("idle_unload_min", 0, k_idle_unload_min_max));

    s.host = read.text("host");
    s.host_asked_for = read.asked_for("host");
    if (s.host.empty() || s.host.find_first_of(" /\t\"") != std::string::npos) {
        read.refuse("host", "an address such as 127.0.0.1");
    }
    s.port = static_cast<int>(read.integer("proxy_port", 1, 65535));
    s.port_asked_for = read.asked_for("proxy_port");
    s.llama_port = static_cast<int>(read.integer("llama_port", 1, 65535));
    s.llama_port_asked_for = read.asked_for("llama_port");
    if (s.port == s.llama_port && (s.port_asked_for || s.llama_port_asked_for)) {
        read.refuse("llama_port",
                    concat("another port than odysseus's own (--port, ", s.port, ")"));
    }
    s.ollama_port = static_cast<int>(read.integer("ollama_port", 0, 65535));
    if (s.ollama_port != 0 && (s.ollama_port == s.port || s.ollama_port == s.llama_port)) {
        read.refuse("ollama_port", concat("another port than odysseus's own and llama-server's (",
                                          s.port, ", ", s.llama_port, ")"));
    }
    s.api_keys = read.list("api_keys");
    if (s.api_keys.empty() && !read.text("api_keys").empty()) {
        read.refuse("api_keys", "a key, or keys with commas between them");
    }
    s.allow_hosts = read.list("allow_hosts");
    s.allow_origins = read.list("allow_origins");
    s.tls_cert = below(home, read.text("tls_cert"));
    s.tls_key = below(home, read.text("tls_key"));
    if (s.tls_cert.empty() != s.tls_key.empty())
        read.refuse(s.tls_cert.empty() ? "tls_key" : "tls_cert",
                    "given together with the other of --tls-cert and --tls-key");
    s.peers = read.list("peers");
    if (std::any_of(s.peers.begin(), s.peers.end(), [](const std::string& peer) {
            return !peer.starts_with("http://") && !peer.starts_with("https://");
        })) {
        read.refuse_unseen("peers", "URL or URL#KEY, such as http://127.0.0.1:8081");
    }
    s.worker = read.text("worker");
    if (s.worker.find_first_of("/#@ \t\"") != std::string::npos)
        read.refuse("worker", "HOST or HOST:PORT, such as box or 192.168.1.5:7443");
    s.allow_unauthenticated = read.on("allow_unauthenticated");
    s.sse_ping_s = static_cast<int>(read.integer("sse_ping_s", 0, k_sse_ping_s_max));

    s.llama_server = below(home, read.text("llama_server"));
    s.llama_server_from = read.at("llama_server").where;
    s.release = read.text("release");
    if (!is_release_name(s.release))
        read.refuse("release", "stable, nightly or a tag such as b11146");
    s.device = backend_from(read.one_of("device")); // "auto" is none
    s.github_api = read.url("github_api");
    s.github_download = read.url("github_download");
    s.hf_endpoint = read.url("hf_endpoint");
    s.offline = read.on("offline");
    s.hardware = read.text("hardware");
    s.hardware_from = read.at("hardware").where;
    s.log_level = read.one_of("log_level");
    s.log_format = read.one_of("log_format");
    if (!read.fault().empty()) return read.fault();
    return s;
}

} // namespace odysseus::settings
