// A file that a reader takes for an ELF program which names a loader; it does not run.
#pragma once

#include "system/elf_loader.hpp"

#include <string>

inline constexpr std::size_t k_elf_path_at = odysseus::system::k_elf_header_bytes + 56;

inline std::string elf_program(const std::string& loader) {
    constexpr std::size_t k_room = 256;
    std::string bytes(k_elf_path_at + k_room, '\0');
    bytes.replace(0, 6, "\177ELF\2\1");
    bytes[32] = 64; // the table begins here
    bytes[54] = 56; // bytes an entry
    bytes[56] = 1;  // entries
    bytes[64] = 3;  // PT_INTERP
    bytes[64 + 8] = static_cast<char>(k_elf_path_at);
    bytes[64 + 33] = 1; // 256 bytes
    bytes.replace(k_elf_path_at, loader.size(), loader);
    return bytes + "code";
}
