// Every setting that odysseus has: one table that the command line, the environment, the file,
// `odysseus config`, the help and the manual are made from, and the rules by which text becomes a
// value. Precedence: flag, environment, HOME/data/launcher_config.json, default.
#pragma once

#include "odysseus/base/backend.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace odysseus::settings {

enum class Origin { flag, environment, file, fallback };
[[nodiscard]] const char* origin_name(Origin origin); // "flag", "environment", "file", "default"

// One row of the table. Pointers are to literals; nullptr: there is none.
struct SettingSpec {
    enum class Group { models, serving, build, other };
    const char* id;          // also the key in `odysseus config --json`
    const char* flag;        // "--ctx"
    const char* value;       // what the help calls its value: "N"; nullptr: a switch
    const char* environment; // "ODYSSEUS_LLAMA_CTX"
    const char* file_key;    // "ctx"
    const char* fallback;    // the default as text; "" when it is worked out or none
    const char* help;        // one line
    Group group = Group::other;
    bool repeatable = false;         // a list in one text, with list_separator() between
    bool secret = false;             // shown as stars
    char secret_from = 0;            // only what stands behind this in each item is secret
    bool path = false;               // relative to where the user stands
    const char* words = "";          // values to offer, with spaces between
    const char* other_key = nullptr; // the file key's name in another launcher: "proxyPort"
};
[[nodiscard]] const std::vector<SettingSpec>& setting_specs();

// What stands between the values of a list in one text: a comma, or a line end between paths.
[[nodiscard]] inline char list_separator(const SettingSpec& spec) {
    return spec.path ? '\n' : ',';
}

// Whether a text can be the name of a release: "stable", "nightly" or a tag such as b11146.
[[nodiscard]] bool is_release_name(std::string_view text);

// A value as text, and where it stood.
struct RawValue {
    std::string text;
    Origin origin = Origin::fallback;
    std::string where; // "--ctx", "ODYSSEUS_LLAMA_CTX", "ctx in /h/data/launcher_config.json"
};
using RawSettings = std::map<std::string, RawValue, std::less<>>; // by id

// Every value parsed and in range.
struct Settings {
    std::optional<std::int64_t> ctx; // tokens; absent: auto, or max
    bool ctx_max = false;
    std::string kv = "f16"; // or "q8_0"
    int parallel = 1;
    std::optional<int> threads = 4;            // absent: auto, as many as the machine has cores
    bool threads_asked_for = false;            // by flag, environment or file
    std::string home;                          // absolute
    std::string models_dir;                    // absolute; where pull puts models
    std::vector<std::string> more_models_dirs; // absolute: read as well, never written to
    bool draft = false;        // use the draft model that lies beside a model and fits it
    std::string default_model; // empty: none
    bool any_name = false;
    std::vector<std::string> aliases; // "NAME=MODEL"
    std::optional<int> models_max;    // absent: auto
    int idle_unload_min = 0;          // 0: off
    bool per_model_context = false;
    std::string host;
    bool host_asked_for = false; // else ::1 as well
    int port = 8080;
    bool port_asked_for = false; // by flag, environment or file: then a taken port is an error
    int ollama_port = 0;         // 0: none
    int llama_port = 10086;
    bool llama_port_asked_for = false;
    std::vector<std::string> api_keys;
    std::vector<std::string> allow_hosts;
    std::vector<std::string> allow_origins;
    std::string tls_cert; // a path; empty: plain HTTP
    std::string tls_key;
    std::vector<std::string> peers; // "URL" or "URL#KEY"
    std::string worker;             // "HOST" or "HOST:PORT"; empty: none
    bool allow_unauthenticated = false;
    int sse_ping_s = 15;      // 0: off
    std::optional<bool> open; // the page in a browser; absent: on the first run at a desktop
    std::string llama_server; // a path; empty: the installed build
    std::string llama_server_from = "--llama-server"; // how it was named, for messages
    std::string release;                              // "stable", "nightly" or a tag
    std::optional<Backend> device;                    // absent: auto
    std::string github_api; // without a slash at the end, like the two below
    std::string github_download;
    std::string hf_endpoint;
    bool offline = false;
    std::string hardware; // a file; empty: probe this machine
    std::string hardware_from = "--hardware";
    std::string log_level;
    std::string log_format;

    // Every models folder, the one that pull puts models into first.
    [[nodiscard]] std::vector<std::string> models_dirs() const {
        std::vector<std::string> all{models_dir};
        all.insert(all.end(), more_models_dirs.begin(), more_models_dirs.end());
        return all;
    }
};

// Fills the gaps with the defaults that do not depend on the machine. Flags win over environment
// over file.
[[nodiscard]] RawSettings merged(const RawSettings& flags, const RawSettings& environment,
                                 const RawSettings& file);

// The values of `file_text` (launcher_config.json). A string says why the file is wrong.
// Keys that are no setting of ours are named in `unknown_keys`: the file is shared with other
// launchers.
struct FileSettings {
    RawSettings values;
    std::vector<std::string> unknown_keys;
};
[[nodiscard]] std::variant<FileSettings, std::string>
settings_from_file(std::string_view file_text, std::string_view file_name);

// `home` is what --home and ODYSSEUS_HOME said, made absolute, or the executable's folder.
// A string names the setting, the value, where it came from and what would be right.
[[nodiscard]] std::variant<Settings, std::string> parsed_settings(const RawSettings& raw,
                                                                  std::string_view home);

} // namespace odysseus::settings
