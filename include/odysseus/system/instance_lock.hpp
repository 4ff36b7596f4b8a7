// One odysseus for each HOME.
#pragma once

#include "odysseus/system/file_lock.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace odysseus::system {

// Where the odysseus of this HOME with that process id is reached; absent before it is ready.
[[nodiscard]] std::optional<std::string> address_of_instance(const std::filesystem::path& home,
                                                             std::int64_t pid);

// Holds HOME/data/odysseus.lock until it goes. Throws Error (busy) naming the other one's process
// id when another odysseus runs in this HOME, and Error (usage) when the file cannot be made.
class InstanceLock {
  public:
    explicit InstanceLock(const std::filesystem::path& home);

    // Where this one is reached, for whoever finds the lock held.
    void note_address(const std::string& url) const;
    // Where the last one was that became ready in this HOME.
    [[nodiscard]] std::optional<std::string> last_address() const;

  private:
    std::filesystem::path m_home;
    FileLock m_lock;
};

} // namespace odysseus::system
