#include "staging.hpp"

#include "member_path.hpp"
#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/builds/build_files.hpp"
#include "odysseus/download/digest_thread.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/loader.hpp"

#include <algorithm>
#include <set>

namespace odysseus::builds {

namespace fs = std::filesystem;
using system::path_from_utf8;
using system::utf8;

namespace {

constexpr std::size_t k_import_entries_max = 20000;

fs::path made(const fs::path& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) {
        throw Error(Fault::usage,
                    concat("creating the folder ", system::utf8(folder), ": ", error.message()));
    }
    return folder;
}

std::string name_part(const std::string& path) {
    return path.substr(path.rfind('/') + 1); // npos + 1 is 0
}

} // namespace

Staging::Staging(const BuildStore& store, const InstallOptions& options)
    : m_options(options), m_os(store.os()), m_folder(store.new_staging()),
      m_build(made(m_folder / "build")) {}

Staging::~Staging() {
    std::error_code ignored;
    fs::remove_all(m_folder, ignored);
}

fs::path Staging::server() const {
    return m_build / system::path_from_utf8(m_server);
}

UnpackOptions Staging::unpack_options() const {
    UnpackOptions options;
    options.links_as_copies = m_options.links_as_copies;
    options.stopped = m_options.http.stopped;
    if (m_options.progress) {
        options.progress = [this](std::int64_t bytes, std::int64_t total) {
            m_options.progress("unpacking", {bytes, total});
        };
    }
    return options;
}

void Staging::take(const Unpacked& unpacked, const std::string& below) {
    for (const auto& file : unpacked.files) {
        m_files.push_back({below + file.path, file.size_bytes, file.sha256, file.link});
    }
    for (const auto& warning : unpacked.warnings) {
        if (m_options.tell) m_options.tell(warning);
    }
}

void Staging::unpack_build(const fs::path& archive) {
    take(unpack(archive, m_build, unpack_options()), "");
    find_server(system::utf8(archive.filename()));
}

// The llama-server that lies highest: a build has one, packagers' trees may hold examples.
void Staging::find_server(const std::string& where) {
    const auto wanted = server_file_name(m_os);
    for (const auto& file : m_files) {
        if (name_part(file.path) != wanted || !file.link.empty()) continue;
        if (m_server.empty() || file.path.size() < m_server.size()) m_server = file.path;
    }
    if (m_server.empty()) {
        throw Error(Fault::integrity, concat("there is no ", wanted, " in ", where));
    }
    system::make_executable(server()); // zip archives made on Windows carry no modes
    if (const auto warning = system::drop_quarantine(m_build); warning && m_options.tell) {
        m_options.tell(*warning);
    }
    system::patch_interpreter(server());
}

void Staging::copy_build(const fs::path& folder) {
    try {
        copy_tree(fs::canonical(folder));
    } catch (const fs::filesystem_error& failure) {
        throw Error(Fault::usage, concat("copying ", system::utf8(folder), ": ", failure.what()));
    }
    find_server(system::utf8(folder));
}

void Staging::copy_tree(const fs::path& folder) {
    const auto own = system::utf8(fs::canonical(m_folder).lexically_relative(folder));
    if (own.rfind("..", 0) != 0) {
        throw Error(Fault::usage,
                    concat(system::utf8(folder), " holds the installed builds themselves"));
    }
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (m_files.size() > k_import_entries_max) {
            throw Error(Fault::usage,
                        concat(system::utf8(folder), " holds more than ", k_import_entries_max,
                               " files; is it the folder of a build?"));
        }
        if (m_options.http.stopped && m_options.http.stopped()) throw Stopped("");
        const auto path = system::utf8(entry.path().lexically_relative(folder).generic_u8string());
        const auto clean = member_path(path);
        if (const auto* bad = std::get_if<MemberRefusal>(&clean)) {
            throw Error(Fault::integrity, concat(system::utf8(entry.path()), ": ", bad->why));
        }
        const auto to = m_build / system::path_from_utf8(path);
        if (entry.is_directory() && !entry.is_symlink()) {
            fs::create_directories(to);
        } else if (entry.is_regular_file()) { // links are followed: they may lead out of the folder
            fs::copy_file(entry.path(), to);
            m_files.push_back({path, static_cast<std::int64_t>(fs::file_size(to)),
                               download::digest_of_file(to), ""});
        }
    }
}

void Staging::unpack_runtime(const fs::path& archive) {
    const auto aside = made(m_folder / "runtime");
    auto unpacked = unpack(archive, aside, unpack_options());
    std::set<std::string> taken;
    for (const auto& file : m_files)
        taken.insert(name_part(file.path));
    std::vector<UnpackedFile> moved;
    for (auto& file : unpacked.files) {
        const auto name = name_part(file.path);
        if (!taken.insert(name).second) continue; // a LICENSE of both
        std::error_code error;
        fs::rename(aside / system::path_from_utf8(file.path),
                   server_folder() / system::path_from_utf8(name), error);
        if (error) {
            throw Error(Fault::usage,
                        concat("moving ", name, " beside llama-server: ", error.message()));
        }
        file.path = name;
        moved.push_back(std::move(file));
    }
    unpacked.files = std::move(moved);
    take(unpacked, m_server.substr(0, m_server.size() - name_part(m_server).size()));
}

void Staging::add_new_files() {
    std::set<std::string> known;
    for (const auto& file : m_files)
        known.insert(file.path);
    std::error_code error;
    for (fs::directory_iterator it(server_folder(), error), end; !error && it != end;
         it.increment(error)) {
        const auto path = system::utf8(it->path().lexically_relative(m_build).generic_u8string());
        if (known.count(path) != 0 || !it->is_regular_file()) continue;
        m_files.push_back({path, static_cast<std::int64_t>(it->file_size()),
                           download::digest_of_file(it->path()), ""});
    }
}

void Staging::publish(const BuildStore& store, const std::string& id, BuildManifest manifest) {
    // Seated for the place it is about to get, so that the manifest tells what will lie there.
    std::error_code error;
    const auto place = fs::canonical(store.folder(), error) / system::path_from_utf8(id) /
                       system::path_from_utf8(m_server);
    const auto changed = system::patch_interpreter(server(), place.parent_path());
    describe_again(m_files, fs::canonical(m_build, error), changed);
    manifest.server = m_server;
    manifest.files = m_files;
    system::write_file_atomically(m_build / k_manifest_file, manifest_text(manifest));
    store.publish(m_build, id);
}

} // namespace odysseus::builds
