#include "elf_loader.hpp"

namespace odysseus::system {

namespace {

constexpr std::uint64_t k_program_header_bytes = 56;
constexpr std::size_t k_offset_at = 8;               // p_offset
constexpr std::size_t k_file_size_at = 32;           // p_filesz
constexpr std::uint64_t k_program_headers_max = 256; // real programs have about a dozen
constexpr std::string_view k_magic = "\177ELF\2\1";  // 64-bit, least significant byte first
constexpr std::uint64_t k_type_interp = 3;           // PT_INTERP

// The unsigned number of `bytes` bytes at `at`, least significant byte first. The caller has
// checked the length.
std::uint64_t number_at(std::string_view data, std::size_t at, std::size_t bytes) {
    std::uint64_t number = 0;
    for (std::size_t i = bytes; i > 0; --i)
        number = (number << 8) | static_cast<unsigned char>(data[at + i - 1]);
    return number;
}

} // namespace

std::optional<FileRange> elf_program_headers(std::string_view header) {
    if (header.size() < k_elf_header_bytes || header.substr(0, 6) != k_magic) return std::nullopt;
    const auto count = number_at(header, 56, 2);
    if (number_at(header, 54, 2) != k_program_header_bytes || count == 0 ||
        count > k_program_headers_max)
        return std::nullopt;
    return FileRange{number_at(header, 32, 8), count * k_program_header_bytes};
}

std::optional<ElfLoader> elf_loader(std::string_view program_headers) {
    for (std::uint64_t at = 0; at + k_program_header_bytes <= program_headers.size();
         at += k_program_header_bytes) {
        const auto entry = program_headers.substr(at, k_program_header_bytes);
        if (number_at(entry, 0, 4) != k_type_interp) continue;
        const FileRange path{number_at(entry, k_offset_at, 8), number_at(entry, k_file_size_at, 8)};
        if (path.size < 2 || path.size > k_loader_path_bytes_max) return std::nullopt;
        return ElfLoader{{at, k_program_header_bytes}, path};
    }
    return std::nullopt;
}

std::string elf_loader_entry(std::string_view entry, FileRange path) {
    std::string moved(entry);
    for (std::size_t i = 0; i < 8; ++i) {
        moved.at(k_offset_at + i) = static_cast<char>(path.offset >> (8 * i));
        moved.at(k_file_size_at + i) = static_cast<char>(path.size >> (8 * i));
    }
    return moved;
}

} // namespace odysseus::system
