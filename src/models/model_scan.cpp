#include "odysseus/models/model_scan.hpp"

#include "file_pieces.hpp"
#include "model_name.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/base/visible.hpp"
#include "odysseus/models/model_file.hpp"
#include "odysseus/system/files.hpp"
#include "ollama_store.hpp"
#include "pulled_origins_file.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <tuple>
#include <utility>

namespace odysseus::models {

namespace fs = std::filesystem;

namespace {

[[nodiscard]] std::string bytes_of(const std::u8string& text) {
    return {text.begin(), text.end()};
}

// Absent: the name is not UTF-8, so it can be said neither in JSON nor to llama-server.
[[nodiscard]] std::optional<std::string> utf8(const fs::path& path) {
    try {
        auto text = bytes_of(path.generic_u8string());
        if (is_utf8(text)) return text;
    } catch (const std::exception&) { // an unpaired surrogate, on Windows
    }
    return std::nullopt;
}

[[nodiscard]] std::string under(const std::string& folder, const std::string& name) {
    return folder.empty() ? name : folder + "/" + name;
}

// Without a separator at its end; empty: it is not UTF-8.
[[nodiscard]] std::string absolute_text(const fs::path& folder) {
    std::error_code error;
    auto text = utf8(fs::absolute(folder, error).lexically_normal()).value_or("");
    if (text.size() > 1 && text.ends_with('/')) text.pop_back();
    return text;
}

[[nodiscard]] std::int64_t seconds_of(fs::file_time_type time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

// FNV-1a, 64 bits.
void mix(std::uint64_t& hash, std::string_view bytes) {
    for (const char byte : bytes) {
        hash ^= static_cast<unsigned char>(byte);
        hash *= 1099511628211ULL;
    }
}

} // namespace

struct ModelScan::Walk {
    const ScanLimits& limits;
    std::vector<ModelFile> files;
    std::vector<std::string> findings;
    std::set<std::string> entered; // real paths of folders: a loop of links ends here
    std::size_t looked_at = 0;
    bool cut_short = false;
    std::string root; // of the folder that is walked; empty: the models folder itself
    // The pieces of one file, by folder and its name.
    std::map<std::pair<std::string, std::string>, std::map<int, std::string>> pieces;
    std::map<std::pair<std::string, std::string>, int> piece_counts;

    void enter(const fs::path& folder, const std::string& relative, int depth) {
        std::error_code error;
        const auto real = fs::canonical(folder, error);
        if (error || !entered.insert(bytes_of(real.generic_u8string())).second) return;
        const bool is_store = fs::is_directory(folder / "manifests", error) &&
                              fs::is_directory(folder / "blobs", error);
        if (is_store) read_store(folder, relative);
        fs::directory_iterator entries(folder, error);
        if (error) {
            findings.push_back(concat("The folder ", relative.empty() ? "of the models" : relative,
                                      " cannot be read: ", error.message(), "."));
            return;
        }
        for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
            if (++looked_at > limits.entries) {
                cut_short = true;
                return;
            }
            const auto name = entries->path().filename();
            if (is_store && (name == "manifests" || name == "blobs")) continue;
            look_at(*entries, relative, depth);
        }
    }

    void look_at(const fs::directory_entry& entry, const std::string& relative, int depth) {
        const auto name = utf8(entry.path().filename());
        if (!name) {
            findings.push_back(concat("A name in ",
                                      relative.empty() ? "the models folder" : relative,
                                      " is not UTF-8; it is passed over. Rename it."));
            return;
        }
        if (name->starts_with('.')) return;
        const auto path = under(relative, *name);
        std::error_code error;
        const auto status = entry.status(error); // of what a link points to
        if (fs::is_directory(status)) {
            if (depth < limits.depth) {
                enter(entry.path(), path, depth + 1);
            } else {
                cut_short = true;
            }
        } else if (gguf_stem(*name)) {
            add(entry, path, fs::is_regular_file(status));
        } else if (const auto piece = piece_name(*name)) {
            const auto place = std::pair(relative, piece->whole);
            pieces[place][piece->number] = *name;
            piece_counts[place] = std::max(piece_counts[place], piece->count);
        }
    }

    void add(const fs::directory_entry& entry, const std::string& path, bool is_file) {
        std::error_code error;
        const auto size = is_file ? fs::file_size(entry.path(), error) : 0;
        const auto time = is_file ? fs::last_write_time(entry.path(), error) : fs::file_time_type();
        if (!is_file || error) {
            findings.push_back(concat(path, " cannot be read: ",
                                      error ? error.message() : "it is no file, or a broken link",
                                      "."));
            return;
        }
        files.push_back({path, static_cast<std::int64_t>(size), seconds_of(time), root});
    }

    void read_store(const fs::path& folder, const std::string& relative) {
        constexpr std::size_t k_manifest_bytes_max = std::size_t{1} << 20;
        constexpr int k_levels = 5;
        std::map<std::string, ModelFile> by_blob; // several names may lead to one model
        std::error_code error;
        auto options = fs::directory_options::skip_permission_denied;
        for (fs::recursive_directory_iterator at(folder / "manifests", options, error), end;
             !error && at != end; at.increment(error)) {
            if (++looked_at > limits.entries) {
                cut_short = true;
                break;
            }
            if (at.depth() >= k_levels) at.disable_recursion_pending();
            if (!at->is_regular_file(error)) continue;
            const auto path = utf8(at->path().lexically_relative(folder / "manifests"));
            const auto name = path ? store_name(*path) : std::nullopt;
            const auto text =
                name ? system::read_file(at->path(), k_manifest_bytes_max) : std::nullopt;
            const auto manifest = text ? store_manifest(*text) : std::nullopt;
            if (manifest) add_stored(folder, relative, *name, *manifest, by_blob);
        }
        for (auto& [blob, file] : by_blob) {
            std::sort(file.store_names.begin(), file.store_names.end(),
                      [](const auto& a, const auto& b) {
                          return std::pair(a.size(), a) < std::pair(b.size(), b);
                      });
            files.push_back(std::move(file));
        }
    }

    void add_stored(const fs::path& folder, const std::string& relative, const std::string& name,
                    const StoreManifest& manifest, std::map<std::string, ModelFile>& by_blob) {
        const auto blob = folder / "blobs" / manifest.model;
        auto& file = by_blob[manifest.model];
        file.store_names.push_back(name);
        if (!file.path.empty()) return;
        std::error_code error;
        const auto size = fs::file_size(blob, error);
        if (error || !fs::is_regular_file(blob, error)) {
            findings.push_back(concat(name, " of Ollama's store is not offered: its file blobs/",
                                      manifest.model, " is missing."));
            by_blob.erase(manifest.model);
            return;
        }
        file.root = root;
        file.path = concat(under(relative, "blobs/"), manifest.model);
        file.size_bytes = static_cast<std::int64_t>(size);
        file.modified_s = seconds_of(fs::last_write_time(blob, error));
        if (manifest.projector.empty()) return;
        const auto projector = fs::file_size(folder / "blobs" / manifest.projector, error);
        if (error) return;
        file.store_projector = concat(under(relative, "blobs/"), manifest.projector);
        file.store_projector_bytes = static_cast<std::int64_t>(projector);
    }

    // At the end of one folder.
    void finish_root() {
        for (const auto& [place, by_number] : pieces) {
            const auto& [folder, whole] = place;
            const auto path = under(folder, whole);
            const bool is_joined =
                std::any_of(files.begin(), files.end(), [&](const ModelFile& file) {
                    return file.root == root && file.path == path;
                });
            if (is_joined) continue;
            std::vector<std::string> names;
            for (const auto& [number, name] : by_number)
                names.push_back(name);
            findings.push_back(join_remark(folder, whole, piece_counts[place], names));
        }
        pieces.clear();
        piece_counts.clear();
    }

    void finish() {
        std::sort(files.begin(), files.end(), [](const ModelFile& a, const ModelFile& b) {
            return std::tie(a.root, a.path) < std::tie(b.root, b.path);
        });
        std::sort(findings.begin(), findings.end());
        if (cut_short) {
            findings.push_back(concat(
                "The models folder is too large or too deep to be looked at as a "
                "whole (",
                limits.entries, " entries, ", limits.depth,
                " levels), so a part of it is left out; name a smaller one with --models-dir."));
        }
    }

    [[nodiscard]] std::uint64_t signature() const {
        std::uint64_t hash = 14695981039346656037ULL;
        for (const auto& file : files)
            mix(hash, concat(file.root, '\n', file.path, '\n', file.size_bytes, '\n',
                             file.modified_s, '\n', joined(file.store_names, "\n"), '\n'));
        for (const auto& finding : findings)
            mix(hash, finding);
        return hash;
    }
};

ModelScan::ModelScan(fs::path models_dir, fs::path origins, ScanLimits limits)
    : m_models_dir(std::move(models_dir)), m_origins(std::move(origins)), m_limits(limits) {}

ModelScan& ModelScan::also(std::vector<fs::path> folders) {
    m_more = std::move(folders);
    return *this;
}

ModelScan& ModelScan::with_drafts(bool wanted) {
    m_drafts = wanted;
    return *this;
}

ModelScan::Walk ModelScan::walk() const {
    Walk walk{m_limits, {}, {}, {}, 0, false, "", {}, {}};
    const auto walk_through = [&walk](const fs::path& folder) {
        std::error_code error;
        if (!fs::is_directory(folder, error)) {
            walk.findings.push_back(
                concat("There is no models folder ", utf8(folder).value_or("of that name"), "."));
            return;
        }
        walk.enter(folder, "", 1);
        walk.finish_root();
    };
    walk_through(m_models_dir);
    for (const auto& folder : m_more) {
        walk.root = absolute_text(folder);
        walk_through(folder);
    }
    walk.finish();
    return walk;
}

ScanResult ModelScan::scan() {
    auto walked = walk();
    ScanResult result;
    result.signature = walked.signature();
    result.findings = std::move(walked.findings);
    std::map<std::string, Header> headers; // those of files that have gone are dropped
    for (auto& file : walked.files) {
        const auto key = concat(file.root, '\n', file.path);
        const auto known = m_headers.find(key);
        const bool fresh = known != m_headers.end() &&
                           known->second.file.size_bytes == file.size_bytes &&
                           known->second.file.modified_s == file.modified_s;
        const auto folder = file.root.empty() ? m_models_dir : system::path_from_utf8(file.root);
        auto header = fresh ? std::move(known->second.header)
                            : read_model_header(folder / system::path_from_utf8(file.path));
        headers[key] = {file, header};
        result.files.push_back({std::move(file), std::move(header)});
    }
    m_headers = std::move(headers);
    return result;
}

std::uint64_t ModelScan::signature() const {
    return walk().signature();
}

Catalog ModelScan::catalog() {
    auto scanned = scan();
    const auto origins = m_origins.empty() ? PulledOrigins() : read_pulled_origins(m_origins);
    auto catalog = make_catalog(scanned.files, absolute_text(m_models_dir), origins);
    catalog.findings.insert(catalog.findings.begin(), scanned.findings.begin(),
                            scanned.findings.end());
    for (auto& finding : catalog.findings)
        finding = visible_line(finding);
    for (auto& model : catalog.models)
        model.uses_draft = m_drafts && model.draft.has_value();
    return catalog;
}

} // namespace odysseus::models
