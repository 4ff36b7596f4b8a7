#include "unpack.hpp"

#include "archive_reader.hpp"
#include "member_path.hpp"
#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/download/sha256.hpp"
#include "odysseus/system/files.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

namespace odysseus::builds {

namespace fs = std::filesystem;
using system::path_from_utf8;
using system::utf8;

namespace {

constexpr std::int64_t k_ratio_free_bytes = 64LL << 20;
constexpr std::size_t k_top_parts_max = 4;
constexpr std::size_t k_shown_name_bytes_max = 120;

class Unpacking {
  public:
    Unpacking(const fs::path& archive, const fs::path& into, const UnpackOptions& options)
        : m_archive(archive), m_into(into), m_options(options),
          m_traits(system::folder_traits(into)), m_names(m_traits.case_sensitive),
          m_reader(archive) {}

    Unpacked run() {
        for (int entries = 0; auto member = m_reader.next();) {
            if (++entries > m_options.limits.entries_max) {
                refuse(concat("it has more than ", m_options.limits.entries_max, " members"));
            }
            take(*member);
        }
        if (m_result.files.empty()) refuse("there is no file in it");
        take_off_top();
        if (m_options.links_as_copies.value_or(!m_traits.symlinks)) {
            copy_links();
        } else {
            make_links();
        }
        return std::move(m_result);
    }

  private:
    [[noreturn]] void refuse(const std::string& why) const {
        throw Error(Fault::integrity, concat("the archive ", system::utf8(m_archive.filename()),
                                             " is refused: ", why));
    }
    [[noreturn]] void refuse_member(const std::string& name, const std::string& why) const {
        std::string shown;
        for (const char c : name.substr(0, k_shown_name_bytes_max))
            shown += c >= ' ' && c < 0x7f ? c : '?';
        refuse(concat("its member '", shown, "': ", why));
    }

    [[nodiscard]] fs::path place(const std::string& path) const {
        return m_into / system::path_from_utf8(path);
    }

    std::string clean(const std::string& name) const {
        auto path = member_path(name);
        if (const auto* bad = std::get_if<MemberRefusal>(&path)) refuse_member(name, bad->why);
        return std::get<std::string>(path);
    }

    void take(const ArchiveMember& member) {
        if (member.encrypted) refuse_member(member.name, "it is encrypted");
        const auto path = clean(member.name);
        if (member.kind == ArchiveMember::Kind::folder) {
            if (path.empty()) return; // "./"
            if (const auto bad = m_names.add_folder(path)) refuse_member(member.name, bad->why);
            fs::create_directories(place(path));
            return;
        }
        if (path.empty()) refuse_member(member.name, "it is no folder");
        if (const auto bad = m_names.add_file(path)) refuse_member(member.name, bad->why);
        UnpackedFile file;
        file.path = path;
        switch (member.kind) {
        case ArchiveMember::Kind::file: write_file(member, file); break;
        case ArchiveMember::Kind::symlink:
            // Made at the end: nothing is ever written through a link.
            check_link(path, member.target, 0);
            file.link = member.target;
            break;
        case ArchiveMember::Kind::hardlink: copy_file(clean(member.target), file); break;
        default: refuse_member(member.name, "it is a device, a pipe or a socket");
        }
        m_index[file.path] = m_result.files.size();
        m_result.files.push_back(std::move(file));
    }

    // Creates the folder of a file, once.
    void make_room(const std::string& path) {
        const auto slash = path.rfind('/');
        if (slash == std::string::npos) return;
        if (m_folders.insert(path.substr(0, slash)).second) {
            fs::create_directories(place(path.substr(0, slash)));
        }
    }

    void count_bytes(std::int64_t bytes) {
        m_bytes += bytes;
        const auto& limits = m_options.limits;
        if (bytes < 0 || m_bytes > limits.bytes_max) {
            refuse(concat("it unpacks to more than ", byte_text(limits.bytes_max)));
        }
        const auto in = std::max<std::int64_t>(m_reader.bytes_total(), 1);
        if (m_bytes > k_ratio_free_bytes && m_bytes / in > limits.ratio_max) {
            refuse(concat("it unpacks to more than ", limits.ratio_max, " times its size"));
        }
        if (m_options.stopped && m_options.stopped()) throw Stopped("nothing was installed");
        if (m_options.progress) m_options.progress(m_reader.bytes_read(), m_reader.bytes_total());
    }

    void write_file(const ArchiveMember& member, UnpackedFile& file) {
        count_bytes(0);
        make_room(file.path);
        system::OutputFile out(place(file.path), system::OutputFile::Mode::create_new);
        download::Sha256 digest;
        const auto add = [&](std::string_view data) {
            out.write(data.data(), data.size());
            if (m_options.digests) digest.add(data.data(), data.size());
            file.size_bytes += static_cast<std::int64_t>(data.size());
        };
        while (const auto piece = m_reader.piece()) {
            count_bytes(piece->hole_bytes);
            static const std::string zeros(64U << 10, '\0');
            for (auto left = piece->hole_bytes; left > 0;) {
                const auto some = std::min<std::int64_t>(left, std::ssize(zeros));
                add(std::string_view(zeros).substr(0, static_cast<std::size_t>(some)));
                left -= some;
            }
            count_bytes(static_cast<std::int64_t>(piece->data.size()));
            add(piece->data);
        }
        out.close();
        if (member.size && *member.size != file.size_bytes) {
            refuse_member(member.name, "its length is wrong");
        }
        if (m_options.digests) file.sha256 = digest.hex();
        if (member.executable) system::make_executable(place(file.path));
    }

    // A second name for a file that is there already.
    void copy_file(const std::string& from, UnpackedFile& file) {
        const auto known = find_file(from);
        if (known == nullptr) refuse_member(file.path, "it is a link to a file that is not there");
        count_bytes(known->size_bytes);
        file.size_bytes = known->size_bytes;
        file.sha256 = known->sha256;
        make_room(file.path);
        std::error_code error;
        fs::copy_file(place(from), place(file.path), error); // keeps the mode; never overwrites
        if (error) {
            throw Error(Fault::usage,
                        concat("writing ", system::utf8(place(file.path)), ": ", error.message()));
        }
    }

    [[nodiscard]] const UnpackedFile* find_file(const std::string& path) const {
        const auto it = m_index.find(path);
        if (it == m_index.end() || !m_result.files[it->second].link.empty()) return nullptr;
        return &m_result.files[it->second];
    }

    std::string check_link(const std::string& path, const std::string& target,
                           std::size_t root_parts) const {
        auto landing = link_landing(path, target, root_parts);
        if (const auto* bad = std::get_if<MemberRefusal>(&landing)) refuse_member(path, bad->why);
        return std::get<std::string>(landing);
    }

    // The folders that every file lies in.
    [[nodiscard]] std::string common_top() const {
        std::string top;
        for (std::size_t parts = 0; parts < k_top_parts_max; ++parts) {
            const auto& first = m_result.files.front().path;
            const auto slash = first.find('/', top.size());
            if (slash == std::string::npos) break;
            const auto longer = first.substr(0, slash + 1);
            const bool all = std::all_of(
                m_result.files.begin(), m_result.files.end(),
                [&](const UnpackedFile& file) { return file.path.rfind(longer, 0) == 0; });
            if (!all) break;
            top = longer;
        }
        return top; // with a '/' at its end, or empty
    }

    // "llama-b11158/llama-server" becomes "llama-server".
    void take_off_top() {
        const auto top = common_top();
        if (top.empty()) return;
        const auto parts = static_cast<std::size_t>(std::count(top.begin(), top.end(), '/'));
        for (const auto& file : m_result.files) {
            if (!file.link.empty()) check_link(file.path, file.link, parts);
        }
        const auto aside = system::temp_sibling(m_into);
        std::error_code error;
        fs::create_directories(place(top)); // a folder of links alone is not there yet
        fs::rename(place(top.substr(0, top.size() - 1)), aside, error);
        if (!error) fs::remove_all(m_into, error);
        if (!error) fs::rename(aside, m_into, error);
        if (error) {
            throw Error(Fault::usage,
                        concat("renaming ", system::utf8(aside), ": ", error.message()));
        }
        m_index.clear();
        for (auto& file : m_result.files) {
            file.path.erase(0, top.size());
            const auto index = m_index.size();
            m_index[file.path] = index;
        }
        m_folders.clear();
        m_result.top_folder = top.substr(0, top.size() - 1);
    }

    void make_links() {
        for (const auto& file : m_result.files) {
            if (file.link.empty()) continue;
            make_room(file.path);
            std::error_code error;
            fs::create_symlink(system::path_from_utf8(file.link), place(file.path), error);
            if (error) {
                throw Error(Fault::usage, concat("linking ", system::utf8(place(file.path)), ": ",
                                                 error.message()));
            }
        }
    }

    // Where there are no links: each becomes a copy of the file at the end of its chain.
    void copy_links() {
        std::map<std::string, std::string> landings;
        for (const auto& file : m_result.files) {
            if (!file.link.empty()) landings[file.path] = check_link(file.path, file.link, 0);
        }
        for (auto& file : m_result.files) {
            if (file.link.empty()) continue;
            auto end = landings.at(file.path);
            for (std::size_t hops = 0; landings.count(end) != 0; ++hops) {
                if (hops > landings.size()) refuse_member(file.path, "it is a link in a circle");
                end = landings.at(end);
            }
            if (find_file(end) == nullptr) {
                m_result.warnings.push_back(
                    concat("the link ", file.path, " leads to no file of the archive; left out"));
                continue;
            }
            file.link.clear();
            copy_file(end, file);
        }
        std::erase_if(m_result.files, [](const auto& file) { return !file.link.empty(); });
    }

    const fs::path& m_archive;
    const fs::path& m_into;
    const UnpackOptions& m_options;
    system::FolderTraits m_traits;
    MemberNames m_names;
    ArchiveReader m_reader;
    std::set<std::string> m_folders;            // that were made
    std::map<std::string, std::size_t> m_index; // path → place in m_result.files
    std::int64_t m_bytes = 0;
    Unpacked m_result;
};

} // namespace

Unpacked unpack(const fs::path& archive, const fs::path& into, const UnpackOptions& options) {
    std::error_code error;
    if (!fs::is_empty(into, error) || error) {
        throw Error(Fault::bug,
                    concat("unpacking into ", system::utf8(into), ", which is no empty folder"));
    }
    try {
        return Unpacking(archive, into, options).run();
    } catch (const fs::filesystem_error& failure) {
        throw Error(Fault::usage,
                    concat("unpacking ", system::utf8(archive.filename()), ": ", failure.what()));
    }
}

} // namespace odysseus::builds
