// Where a program for Linux names its dynamic loader, read from the bytes of the file.
// Sizes and places as in the ELF specification (generic ABI, "ELF Header" and "Program Header"),
// for 64-bit little-endian files: x64 and arm64, the machines there are builds for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace odysseus::system {

struct FileRange {
    std::uint64_t offset = 0; // from the beginning of the file
    std::uint64_t size = 0;   // bytes
};

inline constexpr std::size_t k_elf_header_bytes = 64;
inline constexpr std::uint64_t k_loader_path_bytes_max = 4096; // the kernel's PATH_MAX

// From the first k_elf_header_bytes: where the table of program headers is. Nothing: no such file,
// or a table that cannot be right.
[[nodiscard]] std::optional<FileRange> elf_program_headers(std::string_view header);

// What the table says about the loader.
struct ElfLoader {
    FileRange entry; // the program header itself, from the beginning of the table
    FileRange path;  // its path in the file, the NUL at its end included
};

// Nothing: the program needs no loader.
[[nodiscard]] std::optional<ElfLoader> elf_loader(std::string_view program_headers);

// The program header with its path at another place of the file. The kernel reads it from there;
// where it lies in memory does not change, and nobody looks there for it.
[[nodiscard]] std::string elf_loader_entry(std::string_view entry, FileRange path);

} // namespace odysseus::system
