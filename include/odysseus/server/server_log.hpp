// logs/llama-server.log and the last lines of it in memory. The file is bounded: it is turned over
// at k_file_bytes_max, and what the run before wrote is kept beside it (llama-server.1.log is the
// newest of the old ones). A disk that is full or gone costs the file, never the run.
#pragma once

#include "odysseus/server/token_meter.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
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

// Thread-safe. recent() and tail() answer at once, whatever the disk does.
class ServerLog {
  public:
    static constexpr std::size_t k_file_bytes_max = std::size_t{5} * 1024 * 1024;
    static constexpr int k_old_files = 3;
    static constexpr std::size_t k_lines_kept = 200;

    // An empty path: no file.
    explicit ServerLog(std::filesystem::path file);

    void add(std::string_view line);
    void flush();
    // The newest `most` lines, oldest first.
    [[nodiscard]] std::vector<std::string> recent(std::size_t most) const;
    [[nodiscard]] std::uint64_t lines() const; // so far
    // Of the lines after the first `after` ones, those that are still kept.
    [[nodiscard]] LogTail tail(std::uint64_t after) const;

  private:
    void keep(std::string_view line);
    void turn_over();
    void tell_trouble();
    [[nodiscard]] std::filesystem::path old_file(int number) const;

    // Held while the disk takes its time; whoever asks for lines does not wait for it.
    std::mutex m_file_mutex;
    std::filesystem::path m_file;
    bool m_failing = false;
    std::ofstream m_out;
    std::size_t m_bytes = 0;

    mutable std::mutex m_mutex;
    std::deque<std::string> m_lines;
    TokenMeter m_tokens;
    std::uint64_t m_added = 0; // lines since the start, kept or not
};

} // namespace odysseus::server
