#include "odysseus/logic/port_text.hpp"
#include "odysseus/logic/text.hpp"
#include "odysseus/platform/ports.hpp"
#include "odysseus/platform/process_info.hpp"

#include <dirent.h>
#include <fstream>
#include <set>
#include <sstream>
#include <unistd.h>

namespace odysseus::platform {
namespace {

void add_listeners(const char* file, int port, std::set<std::string>& inodes) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    for (const auto& inode : listening_inodes(text.str(), port)) {
        inodes.insert(cat("socket:[", inode, "]"));
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
