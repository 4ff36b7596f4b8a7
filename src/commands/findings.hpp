// What `odysseus doctor` has to say: from the facts of a machine to findings, each with its remedy.
// docs/troubleshooting.md lists them by their codes.
#pragma once

#include "odysseus/hardware/machine.hpp"
#include "odysseus/models/model.hpp"
#include "odysseus/proxy/worker_view.hpp"

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::commands {

enum class Severity {
    blocks, // a launch will fail
    warns,  // it will start, but not do what one expects
    notes,  // good to know
};
[[nodiscard]] const char* severity_name(Severity severity);

struct Finding {
    Severity severity = Severity::notes;
    std::string code;   // stable: "port_taken"
    std::string what;   // one sentence
    std::string remedy; // one sentence; empty for notes that need none
    int exit_code = 0;  // of a launch that this blocks (docs/manual.md, "Exit codes")
};

// The facts. What is not known is absent; everything that needs no look at the outside world of
// this very moment is a value that a test can write down.

struct BuildFact {
    std::string name;   // "b11160-cuda-13.4", or the path of --llama-server
    bool given = false; // by --llama-server: not ours to replace
    Backend backend = Backend::cpu;
    bool runs = true;
    std::string trouble;          // when it does not: "exited with 127: ... GLIBC_2.38 not found"
    std::optional<bool> sees_gpu; // absent: it does not tell
    std::string tag = {};
    bool imported = false;
    std::string better = {}; // a sentence, when a better one could be had since a GPU came
    std::vector<std::string> differences =
        {};                  // from how it was installed: "libggml.so was changed"
    std::string remedy = {}; // a sentence, where one is known for the trouble
};

struct PortFact {
    int port = 0;
    std::string setting; // "--port"
    bool asked_for = false;
    bool is_free = true;
    std::optional<std::int64_t> owner_pid;
    std::string owner_name; // empty: not known
    bool ours = false;      // of the odysseus that runs in this HOME
};

struct RunningFact {
    std::int64_t pid = 0; // 0: not known
    std::string url;      // empty: it is not ready yet
};

struct HostFact {
    std::string what; // "the release host", "the model host"
    std::string url;
    std::string setting; // "--github-api"
    bool reached = true;
    std::string why; // when not
    bool models = false;
};

struct ProxyFact {
    std::string variable; // "HTTPS_PROXY"
    std::string value;    // as it is set: it may hold a password, which no finding repeats
};

struct LeftoverFact {
    enum class Kind { download, installation, process } kind = Kind::download;
    std::string name; // a path, or a program
    std::int64_t bytes = 0;
    std::optional<std::int64_t> pid;
};

// llama.cpp's config.ini for all users of this system.
struct LlamaConfigFact {
    std::string path;
    std::vector<std::string> holding; // settings in it that odysseus cannot overrule
};

// Another machine (--peer), as it answered just now.
struct PeerFact {
    std::string name;
    std::string url; // without its key
    bool answers = false;
    std::string trouble = {}; // why not
    std::size_t models = 0;
    std::optional<std::int64_t> free_mib = {};
    std::optional<double> round_trip_ms = {};
    bool in_the_clear = false; // over a network without TLS
};

struct DoctorFacts {
    hardware::Machine machine;
    std::optional<Backend> device;  // --device, when it was asked for
    std::optional<BuildFact> build; // absent: none is installed
    bool offline = false;
    std::string home;
    std::string home_trouble; // why nothing can be written there; empty: it can
    std::string models_dir;
    std::optional<std::int64_t> free_bytes; // where the models are
    bool links = true;                      // HOME's file system has symbolic links
    std::vector<models::Model> models;
    std::vector<std::string> model_findings; // the catalog's own sentences
    std::optional<RunningFact> running;      // the odysseus of this HOME
    std::vector<PortFact> ports;
    std::vector<HostFact> hosts; // empty with --offline
    std::vector<ProxyFact> proxies;
    std::string no_proxy;
    std::int64_t now_s = 0;                   // this machine's clock, since 1970
    std::optional<std::int64_t> server_now_s; // a server's, at the same moment
    std::optional<LlamaConfigFact> llama_config;
    std::vector<std::string> unknown_keys; // of launcher_config.json
    std::vector<PeerFact> peers;
    std::string peer_trouble;                // why a launch refuses --peer; empty: it does not
    std::optional<proxy::WorkerView> worker; // absent: none was asked for
    std::string worker_trouble;              // why a launch refuses --worker; empty: it does not
    std::vector<LeftoverFact> leftovers;
    bool threads_asked_for = false; // --threads was set
};

// What blocks comes first, then what warns; within them in the order of a launch.
[[nodiscard]] std::vector<Finding> findings_of(const DoctorFacts& facts);

// Every code there is; docs/troubleshooting.md has a row for each.
[[nodiscard]] const std::vector<const char*>& finding_codes();

// 0 when nothing blocks; else the code that a launch would end with: that of the first that blocks.
[[nodiscard]] int doctor_exit_code(const std::vector<Finding>& findings);

// {"ok", "exit_code", "findings": [{"severity", "code", "what", "remedy"}]}
[[nodiscard]] nlohmann::ordered_json findings_json(const std::vector<Finding>& findings);
// For a person, in rows of so many characters (0: each sentence is one row); "Nothing wrong was
// found" where there is nothing.
[[nodiscard]] std::string findings_text(const std::vector<Finding>& findings,
                                        std::size_t columns = 0);

} // namespace odysseus::commands
