#include "odysseus/server/tensor_cache.hpp"

#include "odysseus/system/files.hpp"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::server {
namespace {

struct CachedFile {
    std::filesystem::path path;
    std::int64_t bytes = 0;
    std::filesystem::file_time_type written;
};

std::optional<std::string> name_by_content(const std::filesystem::path& file) {
    constexpr std::uint64_t k_prime = 0x100000001b3;
    constexpr std::size_t k_piece = std::size_t{1} << 20;
    std::ifstream in(file, std::ios::binary);
    std::vector<char> piece(k_piece);
    std::uint64_t hash = 0xcbf29ce484222325;
    while (in) {
        in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
        for (std::streamsize i = 0; i < in.gcount(); ++i)
            hash =
                (hash ^ static_cast<unsigned char>(piece[static_cast<std::size_t>(i)])) * k_prime;
    }
    if (!in.eof()) return std::nullopt;
    static constexpr char k_hex[] = "0123456789abcdef";
    std::string name;
    for (int shift = 60; shift >= 0; shift -= 4)
        name += k_hex[(hash >> shift) & 15];
    return name;
}

std::vector<CachedFile> files_in(const std::filesystem::path& folder) {
    std::vector<CachedFile> files;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        std::error_code ignored;
        if (!entry->is_regular_file(ignored) || entry->is_symlink(ignored)) continue;
        const auto bytes = entry->file_size(ignored);
        const auto written = entry->last_write_time(ignored);
        if (!ignored) files.push_back({entry->path(), static_cast<std::int64_t>(bytes), written});
    }
    return files;
}

bool removed(const std::filesystem::path& file) {
    std::error_code error;
    return std::filesystem::remove(file, error) && !error;
}

} // namespace

CacheCheck check_tensor_cache(const std::filesystem::path& folder, std::int64_t bytes_max,
                              std::filesystem::file_time_type since) {
    CacheCheck check;
    auto files = files_in(folder);
    std::erase_if(files, [&](const CachedFile& file) {
        if (file.written < since) return false;
        const auto name = name_by_content(file.path);
        if (name && *name == system::utf8(file.path.filename())) return false;
        check.damaged += removed(file.path) ? 1 : 0;
        return true;
    });
    std::sort(files.begin(), files.end(),
              [](const auto& a, const auto& b) { return a.written > b.written; });
    for (const auto& file : files) {
        if (check.bytes + file.bytes <= bytes_max || !removed(file.path)) {
            check.bytes += file.bytes;
        } else {
            ++check.dropped;
        }
    }
    return check;
}

} // namespace odysseus::server
