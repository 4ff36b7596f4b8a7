// Answers kept on the disk, by their address. A damaged or foreign file is a missing one; nothing
// here throws: a cache that cannot be written is no reason to stop.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace odysseus::builds {

struct CachedReply {
    std::string body;
    std::string etag;
    std::int64_t fetched_epoch_s = 0;
};

class ReplyCache {
  public:
    explicit ReplyCache(std::filesystem::path folder) : m_folder(std::move(folder)) {}
    [[nodiscard]] std::optional<CachedReply> find(const std::string& url) const;
    void keep(const std::string& url, const CachedReply& reply) const;

  private:
    [[nodiscard]] std::filesystem::path file_of(const std::string& url) const;
    void thin_out() const;
    std::filesystem::path m_folder; // empty: keeps nothing
};

} // namespace odysseus::builds
