#include "odysseus/builds/build_files.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/download/digest_thread.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/loader.hpp"

#include <algorithm>

namespace odysseus::builds {

namespace fs = std::filesystem;
using system::path_from_utf8;
using system::utf8;

namespace {

// Empty: as the manifest has it.
std::string difference(const fs::path& folder, const ManifestFile& file) {
    const auto path = folder / system::path_from_utf8(file.path);
    std::error_code error;
    // A link may have become a copy on the way to another disk.
    if (!fs::is_regular_file(path, error)) return file.path + " is missing";
    if (!file.link.empty()) return {};
    const auto bytes = fs::file_size(path, error);
    if (error) return concat(file.path, " cannot be read: ", error.message());
    if (bytes != static_cast<std::uintmax_t>(file.size_bytes)) {
        return concat(file.path, " has ", bytes, " bytes instead of ", file.size_bytes);
    }
    if (file.sha256.empty()) return {};
    try {
        return download::digest_of_file(path) == file.sha256 ? "" : file.path + " was changed";
    } catch (const Error& failure) {
        return failure.what();
    }
}

} // namespace

void describe_again(std::vector<ManifestFile>& files, const fs::path& folder,
                    const std::vector<fs::path>& paths) {
    for (const auto& path : paths) {
        const auto name = system::utf8(path.lexically_relative(folder).generic_u8string());
        const auto file = std::find_if(files.begin(), files.end(),
                                       [&](const auto& one) { return one.path == name; });
        if (file == files.end() || !file->link.empty()) continue;
        std::error_code error;
        file->size_bytes = static_cast<std::int64_t>(fs::file_size(path, error));
        file->sha256 = download::digest_of_file(path);
    }
}

void patch_build(InstalledBuild& build) {
    const auto changed = system::patch_interpreter(build.server);
    if (changed.empty()) return;
    std::error_code error;
    describe_again(build.manifest.files, fs::canonical(build.folder, error), changed);
    try {
        system::write_file_atomically(build.folder / k_manifest_file,
                                      manifest_text(build.manifest));
    } catch (const Error& failure) { // it runs all the same
        log::warn(concat("the manifest of ", build.id, " cannot be renewed: ", failure.what()));
    }
}

std::vector<std::string> differences(const InstalledBuild& build) {
    std::vector<std::string> found;
    for (const auto& file : build.manifest.files) {
        auto one = difference(build.folder, file);
        if (!one.empty()) found.push_back(std::move(one));
    }
    return found;
}

} // namespace odysseus::builds
