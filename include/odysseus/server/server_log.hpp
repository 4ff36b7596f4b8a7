// logs/llama-server.log and the last lines of it in memory. The file is bounded: it is turned over
// at k_file_bytes_max, and what the run before wrote is kept beside it (llama-server.1.log is the
// newest of the old ones). A disk that is full or gone costs the file, never the run; one that is
// slow costs lines of the file, which says how many.
#pragma once

#include "odysseus/base/write_behind.hpp"
#include "odysseus/server/token_meter.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::server {

// All lines of a run are counted, though only the newest are kept.
struct LogTail {
    std::uint64_t next = 0; // lines so far: ask for what comes after these next time
    std::vector<std::string> lines;
    TokenCount tokens; // by all lines so far
};

// Thread-safe. Nothing waits for the disk but the end of it, for a moment.
class ServerLog {
  public:
    static constexpr std::size_t k_file_bytes_max = std::size_t{5} * 1024 * 1024;
    static constexpr int k_old_files = 3;
    static constexpr std::size_t k_lines_kept = 200;

    // An empty path: no file.
    explicit ServerLog(std::filesystem::path file);
    ~ServerLog();

    void add(std::string_view line);
    void flush();
    // The newest `most` lines, oldest first.
    [[nodiscard]] std::vector<std::string> recent(std::size_t most) const;
    [[nodiscard]] std::uint64_t lines() const; // so far
    // Of the lines after the first `after` ones, those that are still kept.
    [[nodiscard]] LogTail tail(std::uint64_t after) const;

  private:
    static constexpr std::size_t k_waiting_bytes_max = std::size_t{4} * 1024 * 1024;
    class File;
    void keep(std::string_view line);

    std::shared_ptr<File> m_file; // none: there is no file
    std::optional<WriteBehind> m_behind;

    mutable std::mutex m_mutex;
    std::deque<std::string> m_lines;
    TokenMeter m_tokens;
    std::uint64_t m_added = 0; // lines since the start, kept or not
};

} // namespace odysseus::server
