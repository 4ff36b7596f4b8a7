#include "odysseus/models/pull.hpp"

#include "hub.hpp"
#include "model_name.hpp"
#include "odysseus/base/error.hpp"
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/download/sha256.hpp"
#include "odysseus/system/file_lock.hpp"
#include "odysseus/system/files.hpp"
#include "pulled_origins_file.hpp"

#include <algorithm>
#include <fstream>
#include <utility>

namespace odysseus::models {

namespace fs = std::filesystem;
using system::utf8;

namespace {

constexpr std::int64_t k_spare_bytes = 64LL << 20; // left free on the disk
constexpr std::int64_t k_slow_check_bytes = 1LL << 30;

std::string_view file_name_of(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

std::optional<std::int64_t> size_of(const fs::path& file) {
    std::error_code error;
    if (!fs::is_regular_file(file, error)) return std::nullopt;
    const auto bytes = fs::file_size(file, error);
    return error ? std::nullopt : std::optional(static_cast<std::int64_t>(bytes));
}

// A file of several that is whole, while the others are not.
fs::path staged_file(const fs::path& to) {
    auto path = to;
    path += ".fetched";
    return path;
}

std::string digest_of(const fs::path& file, const PullOptions& options) {
    if (options.on_check && size_of(file).value_or(0) >= k_slow_check_bytes) {
        options.on_check(system::utf8(file.filename()));
    }
    std::ifstream in(file, std::ios::binary);
    std::vector<char> buffer(1U << 20);
    download::Sha256 digest;
    while (in) {
        if (options.http.stopped && options.http.stopped()) {
            throw Stopped("");
        }
        in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
        digest.add(buffer.data(), static_cast<std::size_t>(in.gcount()));
    }
    if (in.bad()) throw Error(Fault::usage, concat("reading ", system::utf8(file), " failed"));
    return digest.hex();
}

enum class Standing { missing, complete, other };

// Without a size from the server nothing tells what is there: it is taken for complete.
Standing standing_of(const PullFile& file, const PullOptions& options) {
    std::error_code error;
    if (!fs::exists(fs::symlink_status(file.to, error))) return Standing::missing;
    const auto bytes = size_of(file.to);
    if (!bytes || (file.size_bytes && *bytes != *file.size_bytes)) return Standing::other;
    if (file.sha256 && digest_of(file.to, options) != *file.sha256) return Standing::other;
    return Standing::complete;
}

// A model of somebody else's in the folder: llama-server would take one of the two.
bool has_another_model(const fs::path& folder, const std::vector<PullFile>& files) {
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        const auto name = system::utf8(entry->path().filename());
        const bool ours = std::any_of(files.begin(), files.end(), [&](const PullFile& file) {
            return file.to.filename() == entry->path().filename();
        });
        if (!ours && gguf_stem(name) && !is_mmproj_name(name)) return true;
    }
    return false;
}

// Moves the plan into `folder`; false: what is there is not what the plan brings.
bool settle_in(const fs::path& folder, PullPlan& plan, const PullOptions& options) {
    bool settled = true;
    plan.folder = folder;
    plan.missing_bytes = 0;
    for (auto& file : plan.files)
        file.to = folder / file.to.filename();
    if (has_another_model(folder, plan.files)) return false;
    for (auto& file : plan.files) {
        const auto standing = standing_of(file, options);
        file.complete = standing == Standing::complete;
        settled = settled && standing != Standing::other;
        if (standing == Standing::missing) plan.missing_bytes += file.size_bytes.value_or(0);
    }
    return settled;
}

// A model that lies in the models folder itself, as many people keep theirs.
bool lies_flat(PullPlan& plan, const PullOptions& options) {
    if (plan.files.size() != 1) return false;
    auto flat = plan.files.front();
    flat.to = options.models_dir / flat.to.filename();
    if (standing_of(flat, options) != Standing::complete || !flat.size_bytes) return false;
    flat.complete = true;
    plan.files.front() = flat;
    plan.folder = options.models_dir;
    plan.missing_bytes = 0;
    return true;
}

void find_place(const std::vector<std::string>& folders, PullPlan& plan,
                const PullOptions& options) {
    if (lies_flat(plan, options)) return;
    for (const auto& folder : folders) {
        if (settle_in(options.models_dir / system::path_from_utf8(folder), plan, options)) return;
    }
    throw Error(Fault::usage,
                concat("there is another file or model in ", system::utf8(plan.folder),
                       " already, and nothing of yours is overwritten; move it away to fetch ",
                       plan.title));
}

void check_space(const PullPlan& plan, const PullOptions& options) {
    std::int64_t needed = plan.missing_bytes + k_spare_bytes;
    for (const auto& file : plan.files) {
        if (file.complete) continue;
        for (const auto& there : {download::part_file(file.to), staged_file(file.to),
                                  download::part_file(staged_file(file.to))}) {
            needed -= size_of(there).value_or(0);
        }
    }
    const auto free = system::free_bytes(options.models_dir);
    if (plan.missing_bytes == 0 || !free || *free >= needed) return;
    throw Error(Fault::network,
                concat(plan.title, " needs ", byte_text(needed), " more, but only ",
                       byte_text(*free), " are free in ", system::utf8(options.models_dir),
                       "; make room, or use another folder (--models-dir)"));
}

PullFile file_from(const HubName& name, const HubFile& hub, const PullOptions& options) {
    PullFile file;
    file.url = hub_file_url(options.hub, name, hub.path);
    file.from_hub = true;
    file.to = system::path_from_utf8(file_name_of(hub.path));
    file.size_bytes = hub.size_bytes > 0 ? std::optional(hub.size_bytes) : std::nullopt;
    file.sha256 = hub.sha256;
    return file;
}

PullPlan plan_from_hub(const HubName& name, PullOptions options) {
    const bool had_token = options.token.has_value();
    const auto listing = hub_listing(hub_files(name, options));
    const auto answer =
        choose_quant(listing, name.id(), {name.quant, name.file, name.folder}, options.room);
    if (const auto* none = std::get_if<NoQuant>(&answer)) throw Error(Fault::usage, none->sentence);
    const auto& choice = std::get<QuantChoice>(answer);
    PullPlan plan;
    plan.title = concat(name.id(), ":", choice.quant.label());
    plan.origin = name.id();
    plan.reason = choice.reason;
    for (const auto& file : choice.quant.files)
        plan.files.push_back(file_from(name, file, options));
    if (choice.mmproj) plan.files.push_back(file_from(name, *choice.mmproj, options));
    find_place({pull_folder(name.org, name.repo, choice.quant, false),
                pull_folder(name.org, name.repo, choice.quant, true)},
               plan, options);
    const auto missing = std::find_if(plan.files.begin(), plan.files.end(),
                                      [](const PullFile& file) { return !file.complete; });
    if (missing != plan.files.end()) check_access(name, missing->url, options);
    plan.token_refused = had_token && !options.token;
    return plan;
}

PullPlan plan_from_address(const FileAddress& address, const PullOptions& options) {
    PullPlan plan;
    plan.title = address.file_name;
    plan.reason = "the address that was given";
    for (const auto& each : shard_addresses(address)) {
        PullFile file;
        file.url = each.url;
        file.to = system::path_from_utf8(each.file_name);
        plan.files.push_back(std::move(file));
    }
    const auto stem = gguf_stem(address.file_name).value_or("model");
    const auto shard = shard_name(stem);
    find_place({shard ? shard->whole : stem}, plan, options);
    return plan;
}

system::FileLock only_one(const PullOptions& options) {
    auto lock = system::FileLock::try_lock(options.lock_file);
    if (lock) return *std::move(lock);
    const auto owner = system::FileLock::owner(options.lock_file);
    throw Error(Fault::busy, concat("another odysseus is downloading a model",
                                    owner ? concat(" (process ", *owner, ")") : std::string(),
                                    "; wait until it is done, or stop it"));
}

// Another pull may have come first, between this one's plan and its lock.
bool is_missing(const PullFile& file, const PullOptions& options) {
    const auto standing = standing_of(file, options);
    if (standing == Standing::other) {
        throw Error(Fault::usage, concat("there is another ", system::utf8(file.to),
                                         " now, and nothing of yours is overwritten"));
    }
    return standing == Standing::missing;
}

void fetch_one(const PullFile& file, const fs::path& to, bool with_token,
               const PullOptions& options, const PullEvents& events) {
    if (events.on_file) events.on_file(file);
    download::FileRequest request;
    request.url = file.url;
    request.to = to;
    request.size = file.size_bytes;
    request.sha256 = file.sha256;
    if (file.from_hub && with_token) request.bearer = options.token;
    request.gguf = true;
    request.durable = true;
    const auto fetched = download::fetch_file(request, hub_http(options), events.on_progress);
    if (events.on_file_done) events.on_file_done();
    log::debug("fetched a model file", {{"file", system::utf8(file.to)},
                                        {"bytes", concat(fetched.bytes)},
                                        {"sha256", fetched.sha256}});
}

// Before the files can be seen, so that whoever sees them knows.
void note_origin(const PullPlan& plan, const PullOptions& options) {
    if (options.origins.empty() || plan.origin.empty()) return;
    std::vector<PulledFile> files;
    for (const auto& file : plan.files) {
        const auto bytes = file.size_bytes ? file.size_bytes : size_of(file.to);
        if (bytes) files.emplace_back(utf8(file.to.filename()), *bytes);
    }
    note_pulled(options.origins, files, plan.origin);
}

} // namespace

bool PullPlan::complete() const {
    return std::all_of(files.begin(), files.end(), [](const PullFile& f) { return f.complete; });
}

PullPlan plan_pull(const std::string& name, const PullOptions& options) {
    const auto parsed = parsed_pull_name(name, options.hub, hub_http(options).trust);
    if (const auto* refused = std::get_if<NameRefused>(&parsed)) {
        throw Error(Fault::usage, refused->sentence);
    }
    if (options.offline) {
        throw Error(Fault::network, concat("fetching ", name,
                                           " needs the network, and --offline (or "
                                           "ODYSSEUS_OFFLINE, or offline in the settings file) "
                                           "forbids it"));
    }
    const auto* hub = std::get_if<HubName>(&parsed);
    auto plan = hub != nullptr ? plan_from_hub(*hub, options)
                               : plan_from_address(std::get<FileAddress>(parsed), options);
    plan.with_digests = std::all_of(plan.files.begin(), plan.files.end(),
                                    [](const PullFile& f) { return f.sha256.has_value(); });
    check_space(plan, options);
    return plan;
}

void run_pull(const PullPlan& plan, const PullOptions& options, const PullEvents& events) {
    const auto lock = only_one(options);
    note_origin(plan, options);
    if (plan.complete()) return;
    std::vector<const PullFile*> missing;
    for (const auto& file : plan.files) {
        if (!file.complete && is_missing(file, options)) missing.push_back(&file);
    }
    // Of a model in several files none may be seen before all are there: they wait under another
    // name. The first one, by which llama-server finds the model, gets its own name last.
    const bool staged = missing.size() > 1;
    std::error_code ignored;
    const bool had_folder = fs::exists(plan.folder, ignored);
    try {
        for (const auto* file : missing) {
            const auto to = staged ? staged_file(file->to) : file->to;
            if (staged && size_of(to) && size_of(to) == file->size_bytes) continue;
            fetch_one(*file, to, !plan.token_refused, options, events);
        }
    } catch (...) {
        if (!had_folder) fs::remove(plan.folder, ignored); // only when nothing is in it
        throw;
    }
    if (!staged) return;
    for (auto file = missing.rbegin(); file != missing.rend(); ++file)
        system::replace_file(staged_file((*file)->to), (*file)->to);
    system::sync_directory(plan.folder);
}

} // namespace odysseus::models
