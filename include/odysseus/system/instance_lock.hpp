// One odysseus for each HOME.
#pragma once

#include "odysseus/system/file_lock.hpp"

#include <filesystem>

namespace odysseus::system {

// Holds HOME/data/odysseus.lock until it goes. Throws Error (busy) naming the other one's process
// id when another odysseus runs in this HOME, and Error (usage) when the file cannot be made.
class InstanceLock {
  public:
    explicit InstanceLock(const std::filesystem::path& home);

  private:
    FileLock m_lock;
};

} // namespace odysseus::system
