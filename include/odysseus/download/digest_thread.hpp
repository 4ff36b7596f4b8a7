// SHA-256 beside the work that brings the bytes. Hashing takes about as long as receiving, so
// a second core is worth having.
#pragma once

#include "odysseus/download/sha256.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace odysseus::download {

// The digest of a stream: what is added is copied, and hashed by a thread. Memory is bounded: who
// adds faster than it can hash waits.
class DigestStream {
  public:
    DigestStream();
    DigestStream(const DigestStream&) = delete;
    DigestStream& operator=(const DigestStream&) = delete;
    ~DigestStream();

    void add(std::string_view bytes);
    void restart(); // as if nothing had been added
    // Waits for the rest. Once; then only restart may follow.
    [[nodiscard]] std::string hex();

  private:
    using Block = std::vector<char>;
    void hand_over();
    void work();
    Block m_filling; // the caller's
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::deque<Block> m_full;
    std::vector<Block> m_empty;
    Sha256 m_digest; // the thread's while it is busy
    bool m_busy = false;
    bool m_leaving = false;
    std::thread m_thread; // last: it uses all of the above
};

// Of a whole file, here and now. Throws Error (usage) when it cannot be read.
[[nodiscard]] std::string digest_of_file(const std::filesystem::path& file);

} // namespace odysseus::download
