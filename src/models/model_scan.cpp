#include "odysseus/models/model_scan.hpp"

#include "model_name.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/models/model_file.hpp"
#include "odysseus/system/files.hpp"
#include "pulled_origins_file.hpp"

#include <algorithm>
#include <chrono>
#include <set>
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

    void enter(const fs::path& folder, const std::string& relative, int depth) {
        std::error_code error;
        const auto real = fs::canonical(folder, error);
        if (error || !entered.insert(bytes_of(real.generic_u8string())).second) return;
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
        const auto path = relative.empty() ? *name : relative + "/" + *name;
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
        files.push_back({path, static_cast<std::int64_t>(size), seconds_of(time)});
    }

    void finish() {
        std::sort(files.begin(), files.end(),
                  [](const ModelFile& a, const ModelFile& b) { return a.path < b.path; });
        std::sort(findings.begin(), findings.end());
        if (cut_short) {
            findings.push_back(
                concat("The models folder is too large or too deep to be looked at as a "
                       "whole (",
                       limits.entries, " entries, ", limits.depth, " levels)."));
        }
    }

    [[nodiscard]] std::uint64_t signature() const {
        std::uint64_t hash = 14695981039346656037ULL;
        for (const auto& file : files)
            mix(hash, concat(file.path, '\n', file.size_bytes, '\n', file.modified_s, '\n'));
        for (const auto& finding : findings)
            mix(hash, finding);
        return hash;
    }
};

ModelScan::ModelScan(fs::path models_dir, fs::path origins, ScanLimits limits)
    : m_models_dir(std::move(models_dir)), m_origins(std::move(origins)), m_limits(limits) {}

ModelScan::Walk ModelScan::walk() const {
    Walk walk{m_limits, {}, {}, {}, 0, false};
    std::error_code error;
    if (!fs::is_directory(m_models_dir, error)) {
        walk.findings.push_back(
            concat("There is no models folder ", utf8(m_models_dir).value_or("of that name"), "."));
        return walk;
    }
    walk.enter(m_models_dir, "", 1);
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
        const auto known = m_headers.find(file.path);
        const bool fresh = known != m_headers.end() &&
                           known->second.file.size_bytes == file.size_bytes &&
                           known->second.file.modified_s == file.modified_s;
        auto header = fresh ? std::move(known->second.header)
                            : read_model_header(m_models_dir / system::path_from_utf8(file.path));
        headers[file.path] = {file, header};
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
    std::error_code error;
    auto dir = utf8(fs::absolute(m_models_dir, error).lexically_normal()).value_or("");
    if (dir.size() > 1 && dir.ends_with('/')) dir.pop_back();
    const auto origins = m_origins.empty() ? PulledOrigins() : read_pulled_origins(m_origins);
    auto catalog = make_catalog(scanned.files, dir, origins);
    catalog.findings.insert(catalog.findings.begin(), scanned.findings.begin(),
                            scanned.findings.end());
    return catalog;
}

} // namespace odysseus::models
