// Fetching a model into the models folder: the hub is asked what there is, the choice is made, and
// every file of it is downloaded, checked and published whole. What is in the folder already is
// never changed: pull only adds files.
#pragma once

#include "odysseus/download/fetch.hpp"
#include "odysseus/models/hub_listing.hpp"
#include "odysseus/models/hub_name.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::models {

struct PullOptions {
    std::filesystem::path models_dir;
    std::vector<std::filesystem::path> more_models_dirs{}; // read as well; nothing is put there
    std::filesystem::path lock_file;            // one pull at a time, the folders above it are made
    std::filesystem::path origins;              // notes where files came from; empty: nowhere
    std::string hub = "https://huggingface.co"; // without a '/' at its end
    // HF_TOKEN. Sent to the hub's own host alone, never where it redirects to, and never shown.
    std::optional<std::string> token;
    bool offline = false;
    ModelRoom room;             // of this machine
    bool with_gpu = true;       // llama-server will compute on one
    download::HttpOptions http; // the hub's plain http is added to its trust
    // Called before a file of many gigabytes is read to compare its digest; may be empty.
    std::function<void(const std::string& file)> on_check;
};

struct PullFile {
    std::string url;
    std::filesystem::path to;
    std::optional<std::int64_t> size_bytes;
    std::optional<std::string> sha256;
    bool from_hub = false; // so the token may go with the request
    bool complete = false; // is there already, as long and with the digest that the hub says
};

// Everything decided, nothing fetched yet.
struct PullPlan {
    std::string title;  // "org/repo:Q4_K_M", or the file's name
    std::string origin; // "org/repo"; empty: an address of a file
    std::string reason; // why this quantisation: one sentence
    std::filesystem::path folder;
    std::vector<PullFile> files;    // the model's own first, its projector last
    std::int64_t missing_bytes = 0; // to be fetched, as far as the sizes are known
    bool with_digests = true;       // every file has one
    bool token_refused = false;     // by the hub, which gives these files without one

    [[nodiscard]] bool complete() const;
};

// Asks the hub. Throws Error: usage (a name that is none, a repository or a quantisation that is
// not there, nothing that fits), network (unreachable, gated, limited, no space), busy (another
// pull runs); Stopped.
[[nodiscard]] PullPlan plan_pull(const std::string& name, const PullOptions& options);

struct PullEvents {
    std::function<void(const PullFile&)> on_file; // its download begins
    download::OnFetchProgress on_progress;        // of that file
    std::function<void()> on_file_done;
};

// Fetches what is missing. An unfinished file is no model (X.gguf.part; X.gguf.fetched as long as
// others of the same model are missing) and goes on at the next call. Throws as fetch_file does,
// and Error (busy).
void run_pull(const PullPlan& plan, const PullOptions& options, const PullEvents& events);

} // namespace odysseus::models
