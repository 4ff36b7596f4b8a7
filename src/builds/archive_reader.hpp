// libarchive's reading side behind a small owner.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct archive;
struct archive_entry;

namespace odysseus::builds {

struct ArchiveMember {
    enum class Kind { file, folder, symlink, hardlink, other };
    Kind kind = Kind::other;
    std::string name;   // as the archive writes it
    std::string target; // of a link
    std::optional<std::int64_t> size;
    bool executable = false;
    bool encrypted = false;
};

class ArchiveReader {
  public:
    // Throws Error: usage (cannot be opened), integrity (no archive that is known).
    explicit ArchiveReader(const std::filesystem::path& file);
    ArchiveReader(const ArchiveReader&) = delete;
    ArchiveReader& operator=(const ArchiveReader&) = delete;
    ~ArchiveReader();

    [[nodiscard]] std::optional<ArchiveMember> next();
    // The next piece of the present member's data; nothing at its end. Holes are pieces of their
    // own that say how many zero bytes they are.
    struct Piece {
        std::string_view data;
        std::int64_t hole_bytes = 0; // before the data
    };
    [[nodiscard]] std::optional<Piece> piece();
    [[nodiscard]] std::int64_t bytes_read() const; // of the archive's file
    [[nodiscard]] std::int64_t bytes_total() const { return m_total; }

  private:
    struct Input;
    struct Close {
        void operator()(archive* native) const;
    };
    [[noreturn]] void fail(const char* doing) const;
    std::filesystem::path m_file;
    std::int64_t m_total = 0;
    std::int64_t m_position = 0; // in the present member
    std::unique_ptr<Input> m_input;
    std::unique_ptr<archive, Close> m_native;
};

} // namespace odysseus::builds
