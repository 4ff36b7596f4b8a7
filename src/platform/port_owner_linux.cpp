#include "odysseus/logic/port_text.hpp"
#include "odysseus/logic/text.hpp"
#include "odysseus/platform/files.hpp"
#include "odysseus/platform/port_owner.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace odysseus::platform {

namespace fs = std::filesystem;

namespace {

// Files of /proc have no size.
std::string proc_text(const fs::path& file) {
    std::ifstream in(file);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

// "socket:[24815]" is what a file descriptor of that socket links to.
bool holds_one_of(const fs::path& process, const std::vector<std::string>& sockets) {
    std::error_code error;
    for (fs::directory_iterator entry(process / "fd", error), end; !error && entry != end;
         entry.increment(error)) {
        std::error_code unreadable;
        const auto target = utf8(fs::read_symlink(entry->path(), unreadable));
        if (std::find(sockets.begin(), sockets.end(), target) != sockets.end()) return true;
    }
    return false;
}

} // namespace

std::optional<PortOwner> port_owner(int port) {
    std::vector<std::string> sockets;
    for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
        for (const auto& inode : listening_inodes(proc_text(table), port))
            sockets.push_back(cat("socket:[", inode, "]"));
    }
    if (sockets.empty()) return std::nullopt;
    std::error_code error;
    for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
         entry.increment(error)) {
        const auto pid = parsed_int(utf8(entry->path().filename()));
        if (!pid || !holds_one_of(entry->path(), sockets)) continue;
        return PortOwner{pid, std::string(trimmed(proc_text(entry->path() / "comm")))};
    }
    return PortOwner{};
}

} // namespace odysseus::platform
