// What the Linux sources read of the kernel's files.
#pragma once

#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/port_text.hpp"

#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>

namespace odysseus::system {

// Such files have no size to ask for: they are read until they end. Absent: missing or empty.
inline std::optional<std::string> kernel_file(const std::filesystem::path& file,
                                              std::size_t bytes_max = std::size_t{16} << 20) {
    std::ifstream in(file, std::ios::binary);
    std::string text;
    char buffer[16384];
    while (in && text.size() < bytes_max) {
        in.read(buffer, sizeof buffer);
        text.append(buffer, static_cast<std::size_t>(in.gcount()));
    }
    if (text.empty()) return std::nullopt;
    return text;
}

// "socket:[24815]", as the descriptors of the sockets that listen on the port link to.
inline std::set<std::string> listening_sockets(int port) {
    std::set<std::string> sockets;
    for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
        for (const auto& inode : listening_inodes(kernel_file(table).value_or(""), port))
            sockets.insert(concat("socket:[", inode, "]"));
    }
    return sockets;
}

inline bool holds_one_of(const std::filesystem::path& process,
                         const std::set<std::string>& sockets) {
    std::error_code error;
    for (std::filesystem::directory_iterator entry(process / "fd", error), end;
         !error && entry != end; entry.increment(error)) {
        std::error_code unreadable;
        if (sockets.contains(utf8(std::filesystem::read_symlink(entry->path(), unreadable))))
            return true;
    }
    return false;
}

} // namespace odysseus::system
