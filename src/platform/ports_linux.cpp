#include "odysseus/logic/text.hpp"
#include "odysseus/platform/ports.hpp"
#include "odysseus/platform/process_info.hpp"

#include <cstdio>
#include <dirent.h>
#include <fstream>
#include <set>
#include <unistd.h>

namespace odysseus::platform {
namespace {

// Inodes of the sockets that listen on this port, from /proc/net/tcp (proc(5)): local address,
// state 0A, inode in the tenth column.
void add_listeners(const char* file, int port, std::set<std::string>& inodes) {
    char wanted[8];
    std::snprintf(wanted, sizeof wanted, ":%04X", static_cast<unsigned>(port));
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
        std::vector<std::string_view> columns;
        for (const auto column : split(line, ' ')) {
            if (!column.empty()) columns.push_back(column);
        }
        if (columns.size() > 9 && columns[3] == "0A" && columns[1].ends_with(wanted)) {
            inodes.insert(cat("socket:[", columns[9], "]"));
        }
    }
}

bool holds_one_of(std::int64_t pid, const std::set<std::string>& inodes) {
    const auto folder = cat("/proc/", pid, "/fd");
    DIR* list = ::opendir(folder.c_str());
    if (list == nullptr) return false;
    bool found = false;
    while (const auto* entry = ::readdir(list)) {
        char target[64];
        const auto length =
            ::readlink(cat(folder, "/", entry->d_name).c_str(), target, sizeof target);
        if (length > 0 && inodes.count(std::string(target, static_cast<std::size_t>(length)))) {
            found = true;
            break;
        }
    }
    ::closedir(list);
    return found;
}

} // namespace

std::optional<bool> listens_on(std::int64_t pid, int port) {
    std::set<std::string> inodes;
    add_listeners("/proc/net/tcp", port, inodes);
    add_listeners("/proc/net/tcp6", port, inodes);
    if (inodes.empty()) return false;
    if (holds_one_of(pid, inodes)) return true;
    for (const auto member : group_members(pid)) {
        if (holds_one_of(member, inodes)) return true;
    }
    return false;
}

} // namespace odysseus::platform
