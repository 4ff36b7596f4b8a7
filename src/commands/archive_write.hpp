// Writing a .tar.gz, by libarchive.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace odysseus::commands {

struct TarMember {
    std::string name; // a path in the archive, '/' between parts
    std::string content;
};

// Readable by the user alone; appears whole or not at all. Throws Error (usage: "file").
void write_tar_gz(const std::filesystem::path& file, const std::vector<TarMember>& members);

} // namespace odysseus::commands
