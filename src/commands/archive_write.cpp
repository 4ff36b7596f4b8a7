#include "archive_write.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <ctime>
#include <memory>

namespace odysseus::commands {
namespace {

struct WriterDelete {
    void operator()(archive* writer) const { archive_write_free(writer); }
};
struct EntryDelete {
    void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};
using Writer = std::unique_ptr<archive, WriterDelete>;
using Entry = std::unique_ptr<archive_entry, EntryDelete>;

void expect(int result, const Writer& writer, const std::filesystem::path& file) {
    if (result >= ARCHIVE_WARN) return;
    const char* why = archive_error_string(writer.get());
    throw Error(Fault::usage, concat("writing ", system::utf8(file), ": ",
                                     why != nullptr ? why : "libarchive failed"));
}

la_ssize_t take(archive*, void* out, const void* data, std::size_t size) {
    static_cast<std::string*>(out)->append(static_cast<const char*>(data), size);
    return static_cast<la_ssize_t>(size);
}

} // namespace

void write_tar_gz(const std::filesystem::path& file, const std::vector<TarMember>& members) {
    std::string bytes; // small: a support archive, not a backup
    const Writer writer(archive_write_new());
    if (!writer) throw std::bad_alloc();
    expect(archive_write_add_filter_gzip(writer.get()), writer, file);
    expect(archive_write_set_format_pax_restricted(writer.get()), writer, file);
    archive_write_set_bytes_in_last_block(writer.get(), 1); // no padding
    expect(archive_write_open(writer.get(), &bytes, nullptr, take, nullptr), writer, file);
    for (const auto& member : members) {
        const Entry entry(archive_entry_new());
        if (!entry) throw std::bad_alloc();
        archive_entry_set_pathname(entry.get(), member.name.c_str());
        archive_entry_set_size(entry.get(), static_cast<la_int64_t>(member.content.size()));
        archive_entry_set_filetype(entry.get(), AE_IFREG);
        archive_entry_set_perm(entry.get(), 0600);
        archive_entry_set_mtime(entry.get(), std::time(nullptr), 0);
        expect(archive_write_header(writer.get(), entry.get()), writer, file);
        const auto written =
            archive_write_data(writer.get(), member.content.data(), member.content.size());
        if (written < 0) expect(ARCHIVE_FATAL, writer, file);
    }
    expect(archive_write_close(writer.get()), writer, file);
    system::write_file_atomically(file, bytes);
    using std::filesystem::perms;
    std::error_code ignored; // a file system without permissions
    std::filesystem::permissions(file, perms::owner_read | perms::owner_write, ignored);
}

} // namespace odysseus::commands
