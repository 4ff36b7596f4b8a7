#include "archive_maker.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <memory>
#include <stdexcept>

namespace {

using Kind = TestMember::Kind;

unsigned int type_of(Kind kind) {
    switch (kind) {
    case Kind::folder: return AE_IFDIR;
    case Kind::symlink: return AE_IFLNK;
    case Kind::device: return AE_IFCHR;
    case Kind::pipe: return AE_IFIFO;
    default: return AE_IFREG;
    }
}

void check(archive* out, int result) {
    if (result < ARCHIVE_WARN) throw std::runtime_error(archive_error_string(out));
}

} // namespace

void make_archive(const std::filesystem::path& file, TestArchive kind,
                  const std::vector<TestMember>& members) {
    const std::unique_ptr<archive, int (*)(archive*)> owner(archive_write_new(),
                                                            &archive_write_free);
    auto* out = owner.get();
    if (kind == TestArchive::zip) {
        check(out, archive_write_set_format_zip(out));
    } else {
        check(out, archive_write_set_format_pax_restricted(out));
        check(out, archive_write_set_options(out, "hdrcharset=BINARY"));
        if (kind == TestArchive::tar_gz) check(out, archive_write_add_filter_gzip(out));
        if (kind == TestArchive::tar_xz) check(out, archive_write_add_filter_xz(out));
    }
    check(out, archive_write_open_filename(out, file.string().c_str()));
    for (const auto& member : members) {
        const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry_owner(
            archive_entry_new(), &archive_entry_free);
        auto* entry = entry_owner.get();
        archive_entry_set_pathname(entry, member.name.c_str());
        archive_entry_set_filetype(entry, type_of(member.kind));
        archive_entry_set_perm(entry, static_cast<unsigned int>(member.mode));
        const bool data = member.kind == Kind::file;
        archive_entry_set_size(entry, data ? static_cast<la_int64_t>(member.content.size()) : 0);
        if (member.kind == Kind::symlink) archive_entry_set_symlink(entry, member.content.c_str());
        if (member.kind == Kind::hardlink) {
            archive_entry_set_hardlink(entry, member.content.c_str());
        }
        check(out, archive_write_header(out, entry));
        if (data && archive_write_data(out, member.content.data(), member.content.size()) < 0) {
            throw std::runtime_error(archive_error_string(out));
        }
    }
    check(out, archive_write_close(out));
}
