#include "archive_reader.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <new>

namespace odysseus::builds {

using system::utf8;

namespace {

constexpr std::size_t k_buffer_bytes = 256U << 10;

const char* text_or_empty(const char* utf8_text, const char* plain_text) {
    // The first is missing where the C locale cannot express the name; the bytes themselves are
    // what a UTF-8 archive holds then, and member_path judges them.
    if (utf8_text != nullptr) return utf8_text;
    return plain_text != nullptr ? plain_text : "";
}

} // namespace

// Reads by path on every system, where libarchive's own reader takes a narrow name.
struct ArchiveReader::Input {
    std::ifstream stream;
    std::vector<char> buffer = std::vector<char>(k_buffer_bytes);

    static la_ssize_t read(archive*, void* user, const void** data) {
        auto& self = *static_cast<Input*>(user);
        self.stream.clear(self.stream.rdstate() & std::ios::badbit);
        self.stream.read(self.buffer.data(), static_cast<std::streamsize>(self.buffer.size()));
        *data = self.buffer.data();
        return self.stream.bad() ? -1 : static_cast<la_ssize_t>(self.stream.gcount());
    }
    static la_int64_t seek(archive*, void* user, la_int64_t offset, int whence) {
        auto& stream = static_cast<Input*>(user)->stream;
        stream.clear();
        stream.seekg(offset, whence == SEEK_SET   ? std::ios::beg
                             : whence == SEEK_CUR ? std::ios::cur
                                                  : std::ios::end);
        return stream ? static_cast<la_int64_t>(stream.tellg()) : ARCHIVE_FATAL;
    }
    static la_int64_t skip(archive*, void* user, la_int64_t bytes) {
        auto& stream = static_cast<Input*>(user)->stream;
        stream.clear();
        stream.seekg(bytes, std::ios::cur);
        return stream ? bytes : 0;
    }
};

void ArchiveReader::Close::operator()(archive* native) const {
    archive_read_free(native);
}

ArchiveReader::ArchiveReader(const std::filesystem::path& file)
    : m_file(file), m_input(std::make_unique<Input>()), m_native(archive_read_new()) {
    if (!m_native) throw std::bad_alloc();
    m_input->stream.rdbuf()->pubsetbuf(nullptr, 0); // our buffer is the only one
    m_input->stream.open(file, std::ios::binary);
    std::error_code error;
    m_total = static_cast<std::int64_t>(std::filesystem::file_size(file, error));
    if (!m_input->stream || error) {
        throw Error(Fault::usage, concat("opening the archive ", system::utf8(file), " failed"));
    }
    auto* native = m_native.get();
    // Only what runs in this process: libarchive would start programs for some other filters.
    archive_read_support_filter_gzip(native);
    archive_read_support_filter_xz(native);
    archive_read_support_filter_zstd(native);
    archive_read_support_format_tar(native);
    archive_read_support_format_zip_seekable(native);
    archive_read_set_callback_data(native, m_input.get());
    archive_read_set_read_callback(native, &Input::read);
    archive_read_set_seek_callback(native, &Input::seek);
    archive_read_set_skip_callback(native, &Input::skip);
    if (archive_read_open1(native) != ARCHIVE_OK) fail("opening");
}

ArchiveReader::~ArchiveReader() = default;

void ArchiveReader::fail(const char* doing) const {
    const char* why = archive_error_string(m_native.get());
    throw Error(Fault::integrity, concat(doing, " the archive ", system::utf8(m_file), ": ",
                                         why != nullptr ? why : "it is damaged"));
}

std::optional<ArchiveMember> ArchiveReader::next() {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(m_native.get(), &entry);
    if (result == ARCHIVE_EOF) return std::nullopt;
    // A warning is about a name's encoding, which member_path judges by itself.
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) fail("reading");
    m_position = 0;
    ArchiveMember member;
    member.name = text_or_empty(archive_entry_pathname_utf8(entry), archive_entry_pathname(entry));
    member.executable = (archive_entry_perm(entry) & 0111) != 0;
    member.encrypted = archive_entry_is_encrypted(entry) != 0;
    if (archive_entry_size_is_set(entry) != 0) member.size = archive_entry_size(entry);
    const auto type = archive_entry_filetype(entry);
    const char* hard =
        text_or_empty(archive_entry_hardlink_utf8(entry), archive_entry_hardlink(entry));
    if (*hard != '\0') {
        member.kind = ArchiveMember::Kind::hardlink;
        member.target = hard;
    } else if (type == AE_IFLNK) {
        member.kind = ArchiveMember::Kind::symlink;
        member.target =
            text_or_empty(archive_entry_symlink_utf8(entry), archive_entry_symlink(entry));
    } else if (type == AE_IFREG) {
        member.kind = ArchiveMember::Kind::file;
    } else if (type == AE_IFDIR) {
        member.kind = ArchiveMember::Kind::folder;
    }
    return member;
}

std::optional<ArchiveReader::Piece> ArchiveReader::piece() {
    const void* data = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int result = archive_read_data_block(m_native.get(), &data, &size, &offset);
    if (result == ARCHIVE_EOF) return std::nullopt;
    if (result != ARCHIVE_OK || offset < m_position) fail("unpacking");
    Piece piece{{static_cast<const char*>(data), size}, offset - m_position};
    m_position = offset + static_cast<std::int64_t>(size);
    return piece;
}

std::int64_t ArchiveReader::bytes_read() const {
    return archive_filter_bytes(m_native.get(), -1);
}

} // namespace odysseus::builds
