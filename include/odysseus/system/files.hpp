// What the program does with files beyond reading them: publishing whole, surviving a power cut,
// and knowing what the file system can do. Trouble is Error (usage: "file") with the path and the
// system's reason. All functions may be called from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace odysseus::system {

// Paths and UTF-8 text, on every system; nothing else makes the one of the other. Text that is no
// UTF-8 becomes a path that does not exist and says so. A path of other bytes (Linux) stays these.
[[nodiscard]] std::string utf8(const std::filesystem::path& path);
[[nodiscard]] std::filesystem::path path_from_utf8(std::string_view text);

// The whole file, or nothing when there is none or it is larger than `bytes_max`.
[[nodiscard]] std::optional<std::string> read_file(const std::filesystem::path& file,
                                                   std::size_t bytes_max);
// Readers see the old content or the new one, whole; when `durable`, also after a power cut (which
// costs two flushes: tenths of a second on a busy disk).
void write_file_atomically(const std::filesystem::path& file, std::string_view content,
                           bool durable = true);

// The same, readable for this user alone from its first byte on (where the system knows of that).
void write_private_file(const std::filesystem::path& file, std::string_view content);

// A name that nobody uses, in the same folder: ".NAME.tmp-PID-1f3a...". Begins with a dot.
[[nodiscard]] std::filesystem::path temp_sibling(const std::filesystem::path& file);
// Removes what processes that were killed have left of the kind in this very folder. What cannot be
// removed stays.
void sweep_temporaries(const std::filesystem::path& directory);

void make_executable(const std::filesystem::path& file);       // nothing to do on Windows
[[nodiscard]] bool may_run(const std::filesystem::path& file); // on Windows: true, the name decides
// Renames over an existing file in one step; both on one file system.
void replace_file(const std::filesystem::path& from, const std::filesystem::path& to);
// Renames a folder into place. What stood there waits as old_sibling(to) meanwhile and is removed
// afterwards; a call that is killed leaves `to` whole, or `to` missing and its old_sibling whole.
void replace_directory(const std::filesystem::path& from, const std::filesystem::path& to);
[[nodiscard]] std::filesystem::path old_sibling(const std::filesystem::path& directory);

// On the disk when the call returns (as far as the system promises).
void sync_file(const std::filesystem::path& file);
void sync_directory(const std::filesystem::path& directory); // its list of names
void sync_tree(const std::filesystem::path& directory);      // every file and folder below

// Free for this user, in bytes; absent when the system does not tell. The folder may be missing
// yet: its nearest existing parent is asked.
[[nodiscard]] std::optional<std::int64_t> free_bytes(const std::filesystem::path& directory);

struct FolderTraits {
    bool symlinks = true;       // false on FAT, exFAT, and Windows without the privilege
    bool case_sensitive = true; // false on FAT, exFAT, NTFS and APFS as they come
};
// Found out by making small files in `directory`, which are removed again.
[[nodiscard]] FolderTraits folder_traits(const std::filesystem::path& directory);

// Removes macOS's com.apple.quarantine from everything below; the answer is the sentence of a
// warning, if there is something to warn about. Nothing to do elsewhere.
[[nodiscard]] std::optional<std::string> drop_quarantine(const std::filesystem::path& directory);

// A file being written from its beginning or its end. Move-only; closes when it goes.
class OutputFile {
  public:
    enum class Mode { create_new, truncate, append };
    // create_new fails when something has that name, a dangling link included.
    OutputFile(const std::filesystem::path& file, Mode mode);
    OutputFile(OutputFile&& other) noexcept;
    OutputFile& operator=(OutputFile&& other) noexcept;
    ~OutputFile();

    void write(const void* data, std::size_t bytes);
    void sync();
    // Reports what the system kept back until now; the destructor cannot.
    void close();

  private:
    void drop() noexcept;
    std::filesystem::path m_file;
    std::intptr_t m_native = -1;
};

} // namespace odysseus::system
